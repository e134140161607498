-- What someone asks to have added to a task that is under way, and what was said to it.
CREATE TABLE amendment (
    id            TEXT PRIMARY KEY NOT NULL,
    task          TEXT NOT NULL REFERENCES task (id),
    reference     TEXT,              -- the denied call that it is for
    digest        TEXT,              -- of that call
    changes       TEXT NOT NULL,     -- what is added, as a task file has it
    reason        TEXT NOT NULL,
    filed_by      TEXT NOT NULL,
    filed         INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'declined')),
    settled_by    TEXT,
    settled       INTEGER,
    why           TEXT,              -- of one that was declined, a closed word
    note          TEXT,
    replaced_text TEXT,              -- the task as it was before an accepted one
    replaced_lock TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX amendment_of_task ON amendment (task, filed);
CREATE INDEX amendment_of_call ON amendment (task, digest) WHERE digest IS NOT NULL;
