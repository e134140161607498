-- What leaders declared of how careful calls are to be: for everything, an environment or a team; at once, from one
-- moment until another, or in a part of every week. Of those that hold at once there is one a scope, which is its id.
CREATE TABLE declared_posture (
    id      TEXT PRIMARY KEY NOT NULL,
    scope   TEXT NOT NULL,
    posture TEXT NOT NULL CHECK (posture IN ('normal', 'elevated', 'freeze')),
    message TEXT NOT NULL,
    by      TEXT NOT NULL,
    since   INTEGER NOT NULL,
    begins  INTEGER,
    until   INTEGER,
    weekly  TEXT,
    zone    TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO declared_posture (id, scope, posture, message, by, since, until)
    SELECT 'everything', 'everything', posture, message, by, since, until FROM posture;
DROP TABLE posture;
