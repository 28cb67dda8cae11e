-- Infected originals, kept for a time for whoever answers incidents: where the bytes lie, and what was found in them by
-- whom. found_by: check or rescan. moved: 1 once they lie in their own place; until then object_key is where they were
-- found, and move_after when that is tried (again). removed_at: they are gone, the row tells that they were here.
CREATE TABLE incidents (
    file_id TEXT PRIMARY KEY REFERENCES files (id),
    sample_id TEXT NOT NULL REFERENCES samples (id),
    candidate_id TEXT NOT NULL,
    section TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    found_by TEXT NOT NULL,
    signature TEXT NOT NULL,
    engine TEXT NOT NULL,
    signatures TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    object_key TEXT,
    object_version TEXT,
    moved BIGINT NOT NULL DEFAULT 0,
    move_after BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE INDEX incidents_to_move ON incidents (move_after) WHERE moved = 0;
CREATE INDEX incidents_by_end ON incidents (expires_at) WHERE moved = 1 AND removed_at IS NULL;
