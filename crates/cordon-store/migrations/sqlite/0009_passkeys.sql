-- Passkeys, by which people sign in without a link. Nothing here opens anything: the private half of each
-- never leaves its authenticator.
CREATE TABLE passkey (
    id         TEXT PRIMARY KEY NOT NULL,
    credential BLOB UNIQUE NOT NULL,
    person     TEXT NOT NULL,
    -- What the authenticator knows the person as: random, and the same in all passkeys of a person.
    handle     BLOB NOT NULL,
    public_key BLOB NOT NULL,
    -- What the authenticator said last of itself, and how often it had signed by then.
    state      BLOB NOT NULL,
    counter    INTEGER NOT NULL,
    name       TEXT NOT NULL,
    added      INTEGER NOT NULL,
    used       INTEGER,
    revoked    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_of_person ON passkey (person);

-- The passkey that a sign-in was made by, so that it ends with it.
ALTER TABLE sign_in_link ADD COLUMN passkey TEXT;
ALTER TABLE pass ADD COLUMN passkey TEXT;
CREATE INDEX pass_by_passkey ON pass (passkey) WHERE passkey IS NOT NULL;
