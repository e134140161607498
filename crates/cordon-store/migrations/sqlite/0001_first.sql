-- What Cordon remembers. Times are microseconds since the epoch. STRICT tables, so that a value
-- of the wrong kind is an error at the time of writing and not a surprise at the time of reading.

-- Tasks as a person wrote them; `lock` is what was frozen when the task started.
CREATE TABLE task (
    id      TEXT PRIMARY KEY NOT NULL,
    text    TEXT NOT NULL,
    lock    TEXT NOT NULL,
    sponsor TEXT NOT NULL,
    mode    TEXT NOT NULL CHECK (mode IN ('preview', 'live')),
    state   TEXT NOT NULL CHECK (state IN ('active', 'paused', 'stopped')),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

-- Agents at work. The key and its secret are placeholders: they open nothing but Cordon itself.
CREATE TABLE session (
    id      TEXT PRIMARY KEY NOT NULL,
    task    TEXT NOT NULL REFERENCES task (id),
    key_id  TEXT NOT NULL UNIQUE,
    secret  TEXT NOT NULL,
    agent   TEXT NOT NULL,
    account TEXT NOT NULL,
    started INTEGER NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('live', 'paused', 'stopped'))
) STRICT;

-- Decided calls, written before they leave and never changed. `body` holds as JSON what no filter
-- asks for; the columns hold what filters ask for.
CREATE TABLE call (
    sequence     INTEGER PRIMARY KEY,
    reference    TEXT NOT NULL UNIQUE,
    at           INTEGER NOT NULL,
    task         TEXT NOT NULL,
    session      TEXT NOT NULL,
    service      TEXT NOT NULL,
    operation    TEXT NOT NULL,
    class        TEXT NOT NULL,
    environments TEXT NOT NULL,
    verdict      TEXT NOT NULL,
    mutates      INTEGER NOT NULL,
    body         TEXT NOT NULL
) STRICT;
CREATE INDEX call_of_task ON call (task, sequence);
-- Changes that were let go, for the budget of one minute.
CREATE INDEX call_changing ON call (task, at) WHERE mutates = 1 AND verdict = 'allow';

-- Calls that were let go and whose outcome is not known yet.
CREATE TABLE open_call (sequence INTEGER PRIMARY KEY) STRICT;

-- What became of a call that was let go; written once.
CREATE TABLE outcome (
    sequence INTEGER PRIMARY KEY,
    result   TEXT NOT NULL CHECK (result IN ('answered', 'indeterminate', 'not-sent')),
    status   INTEGER,
    detail   TEXT NOT NULL,
    took     INTEGER NOT NULL
) STRICT;

-- What each task used up, and which call created or destroyed what.
CREATE TABLE budget (
    task      TEXT PRIMARY KEY NOT NULL,
    mutations INTEGER NOT NULL,
    creates   INTEGER NOT NULL,
    destroys  INTEGER NOT NULL
) STRICT;
CREATE TABLE ledger (
    task     TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    effect   TEXT NOT NULL CHECK (effect IN ('created', 'destroyed')),
    arn      TEXT NOT NULL,
    PRIMARY KEY (task, sequence, effect, arn)
) STRICT, WITHOUT ROWID;

-- How careful everyone is: one row.
CREATE TABLE posture (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    posture TEXT NOT NULL CHECK (posture IN ('normal', 'elevated', 'freeze')),
    message TEXT NOT NULL,
    by      TEXT NOT NULL,
    since   INTEGER NOT NULL
) STRICT;

-- Grows with every change of a task, a session or the posture, so that other processes notice.
CREATE TABLE version (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO version (one, number) VALUES (1, 1);
