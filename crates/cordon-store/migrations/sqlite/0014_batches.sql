-- Calls that people decide about as one list, in one order. Each has a hold of its own; `place` is its
-- number in the list. Neither ever changes.
CREATE TABLE batch (
    id      TEXT PRIMARY KEY NOT NULL,
    task    TEXT NOT NULL,
    message TEXT NOT NULL,
    opened  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_of_task ON batch (task, opened);
ALTER TABLE hold ADD COLUMN batch TEXT REFERENCES batch (id);
ALTER TABLE hold ADD COLUMN place INTEGER;
CREATE UNIQUE INDEX hold_in_batch ON hold (batch, place) WHERE batch IS NOT NULL;

-- A hold may end because another one of its batch did. A CHECK cannot be altered in place, but goes with
-- its column.
DROP INDEX hold_under_way;
ALTER TABLE hold RENAME COLUMN ended TO ended_as_before;
ALTER TABLE hold ADD COLUMN ended TEXT
    CHECK (ended IN ('used', 'unanswered', 'lapsed', 'changed', 'withdrawn', 'broken'));
UPDATE hold SET ended = ended_as_before;
ALTER TABLE hold DROP COLUMN ended_as_before;
-- One call waits once.
CREATE UNIQUE INDEX hold_under_way ON hold (task, digest) WHERE ended IS NULL;
