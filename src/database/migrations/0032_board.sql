-- Whom to write to at a centre. The samples of an offer, for its progress.
ALTER TABLE centres ADD COLUMN email TEXT;
CREATE INDEX samples_by_offer ON samples (component_id, assessment_id);

-- A list that somebody of the board gave, to be looked at before it is applied. applied_at: it was, and outcome tells
-- what that did, as JSON; then text is ''.
CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    applied_at BIGINT,
    outcome TEXT
);
CREATE INDEX imports_by_person ON imports (person_id, made_at);
CREATE INDEX imports_by_expiry ON imports (expires_at);
