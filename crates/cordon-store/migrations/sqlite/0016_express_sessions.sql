-- A session of S3 Express is for the objects of one directory bucket: which one, and whether they may be
-- changed (ReadOnly, ReadWrite).
ALTER TABLE session ADD COLUMN bucket TEXT;
ALTER TABLE session ADD COLUMN mode   TEXT;
