-- A session may begin another one by assuming a role: from which one, as which role, until when, and
-- under which session policy that its agent asked for. Its token is made from its secret.
ALTER TABLE session ADD COLUMN parent      TEXT REFERENCES session (id);
ALTER TABLE session ADD COLUMN ends        INTEGER;
ALTER TABLE session ADD COLUMN role        TEXT;
ALTER TABLE session ADD COLUMN external_id TEXT;
ALTER TABLE session ADD COLUMN policy      TEXT;
CREATE INDEX session_of_parent ON session (parent) WHERE parent IS NOT NULL;
