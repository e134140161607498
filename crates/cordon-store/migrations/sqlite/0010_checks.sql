-- What machines must report of a held call beside what people say: names between spaces, and what was
-- reported. A report counts on from the votes: the next number is the revision that the writer saw.
ALTER TABLE hold ADD COLUMN checks TEXT NOT NULL DEFAULT '';
CREATE TABLE report (
    hold     TEXT NOT NULL REFERENCES hold (id),
    number   INTEGER NOT NULL,
    check_is TEXT NOT NULL,
    result   TEXT NOT NULL CHECK (result IN ('passed', 'failed')),
    link     TEXT NOT NULL,
    person   TEXT NOT NULL,
    token    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (hold, number)
) STRICT, WITHOUT ROWID;

-- The checks that a machine's token was made for: names between spaces.
ALTER TABLE pass ADD COLUMN checks TEXT NOT NULL DEFAULT '';
