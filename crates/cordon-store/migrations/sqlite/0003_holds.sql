-- Calls that wait for people. What a hold is bound to never changes; `asked` counts, and the end is
-- written once. How it stands is worked out from its votes, never stored.
CREATE TABLE hold (
    id             TEXT PRIMARY KEY NOT NULL,
    task           TEXT NOT NULL,
    sponsor        TEXT NOT NULL,
    reference      TEXT NOT NULL,
    digest         TEXT NOT NULL,
    state          TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    needs          TEXT NOT NULL,
    quorum         INTEGER NOT NULL,
    opened         INTEGER NOT NULL,
    decide_by      INTEGER NOT NULL,
    asked          INTEGER NOT NULL,
    follows        TEXT,
    follows_why    TEXT,
    ended          TEXT CHECK (ended IN ('used', 'unanswered', 'lapsed', 'changed', 'withdrawn')),
    ended_at       INTEGER,
    ended_by       TEXT
) STRICT;
-- One call waits once.
CREATE UNIQUE INDEX hold_under_way ON hold (task, digest) WHERE ended IS NULL;
CREATE INDEX hold_of_call ON hold (task, digest, opened);
CREATE INDEX hold_opened ON hold (opened);

-- What people said, in order. The next number is the revision that the writer saw: who saw less
-- than there is writes nothing.
CREATE TABLE vote (
    hold   TEXT NOT NULL REFERENCES hold (id),
    number INTEGER NOT NULL,
    person TEXT NOT NULL,
    answer TEXT NOT NULL,
    note   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (hold, number)
) STRICT, WITHOUT ROWID;
