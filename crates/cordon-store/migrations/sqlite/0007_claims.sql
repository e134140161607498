-- What a provider of identities told of a person at their sign-in: {"groups": [...], "roles": [...]}.
-- It counts as long as a pass of that sign-in is good.
ALTER TABLE sign_in_link ADD COLUMN claim TEXT;
ALTER TABLE pass ADD COLUMN claim TEXT;
CREATE INDEX pass_with_claim ON pass (expires) WHERE claim IS NOT NULL;
