-- How people and machines prove themselves to the control plane. Of every secret only its SHA-256 is
-- here: who reads this file can use none of them.

-- A link that signs a person in, once.
CREATE TABLE sign_in_link (
    secret  TEXT PRIMARY KEY NOT NULL,
    person  TEXT NOT NULL,
    made    INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER
) STRICT, WITHOUT ROWID;

-- What a browser, a terminal or a machine carries. One that was taken back stays, so that it is told
-- apart from one that never was.
CREATE TABLE pass (
    id        TEXT PRIMARY KEY NOT NULL,
    secret    TEXT UNIQUE NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('browser', 'terminal', 'read', 'check')),
    person    TEXT NOT NULL,
    signed_in INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    revoked   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX pass_of_person ON pass (person);

-- When the posture goes back to normal by itself.
ALTER TABLE posture ADD COLUMN until INTEGER;
