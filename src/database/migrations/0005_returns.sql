-- A submission sent back: which revision, why, until when. scope: JSON list of candidate numbers.
CREATE TABLE sample_returns (
    sample_id TEXT NOT NULL REFERENCES samples (id),
    revision BIGINT NOT NULL,
    returned_at BIGINT NOT NULL,
    returned_by TEXT NOT NULL REFERENCES people (id),
    reason TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    scope TEXT NOT NULL,
    PRIMARY KEY (sample_id, revision, returned_at)
);
