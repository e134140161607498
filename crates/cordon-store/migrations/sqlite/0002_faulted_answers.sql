-- An answer may say more than its status: that the call failed after all, that a part of it was
-- not done, or nothing any more because it was cut off. A CHECK cannot be altered in place.
CREATE TABLE outcome_of_now (
    sequence INTEGER PRIMARY KEY,
    result   TEXT NOT NULL CHECK (result IN
        ('answered', 'failed', 'partial', 'cut', 'indeterminate', 'not-sent')),
    status   INTEGER,
    detail   TEXT NOT NULL,
    took     INTEGER NOT NULL
) STRICT;
INSERT INTO outcome_of_now (sequence, result, status, detail, took)
    SELECT sequence, result, status, detail, took FROM outcome;
DROP TABLE outcome;
ALTER TABLE outcome_of_now RENAME TO outcome;
