-- More time for a sample, or for some of its candidates. scope: JSON list of candidate numbers; '' for the whole sample.
CREATE TABLE sample_extensions (
    sample_id TEXT NOT NULL REFERENCES samples (id),
    extended_at BIGINT NOT NULL,
    extended_by TEXT NOT NULL REFERENCES people (id),
    reason TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    cut_off_at BIGINT NOT NULL,
    scope TEXT NOT NULL,
    PRIMARY KEY (sample_id, extended_at)
);

-- While a hold stands (lifted_at is NULL), nothing of the sample is deleted. kind: review appeal malpractice.
CREATE TABLE holds (
    id TEXT PRIMARY KEY,
    sample_id TEXT NOT NULL REFERENCES samples (id),
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    placed_by TEXT NOT NULL REFERENCES people (id),
    placed_at BIGINT NOT NULL,
    lifted_by TEXT REFERENCES people (id),
    lifted_at BIGINT
);
CREATE INDEX holds_by_sample ON holds (sample_id, lifted_at);
