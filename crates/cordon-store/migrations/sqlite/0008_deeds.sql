-- What people did in the control plane, and what was tried there. Nothing changes or removes a row.
CREATE TABLE deed (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    person TEXT NOT NULL,
    what   TEXT NOT NULL,
    thing  TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER deed_stays BEFORE UPDATE ON deed BEGIN SELECT RAISE(ABORT, 'a deed stays as it was'); END;
CREATE TRIGGER deed_is_kept BEFORE DELETE ON deed BEGIN SELECT RAISE(ABORT, 'a deed is kept'); END;
