-- What channels were told of a hold: one row for each way it stood, with the last attempt.
CREATE TABLE delivery (
    hold     TEXT NOT NULL REFERENCES hold (id),
    channel  TEXT NOT NULL,
    state    TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    error    TEXT,
    PRIMARY KEY (hold, channel, state)
) STRICT, WITHOUT ROWID;
