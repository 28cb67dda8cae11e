-- A plan of many files, before their upload and while it runs. naming: how names are read, JSON. started_at: confirmed
-- by its person; NULL before.
CREATE TABLE bulk_plans (
    id TEXT PRIMARY KEY,
    sample_id TEXT NOT NULL REFERENCES samples (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    naming TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    started_at BIGINT
);
CREATE INDEX bulk_plans_by_person ON bulk_plans (person_id, id);
CREATE INDEX bulk_plans_by_expiry ON bulk_plans (expires_at);

-- The files of a plan, names and sizes only. candidates (joined by '+'), section and leave_out: what its person chose,
-- '' and 0 for nothing. file_id: the upload that was begun for it.
CREATE TABLE bulk_files (
    plan_id TEXT NOT NULL REFERENCES bulk_plans (id),
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    size BIGINT NOT NULL,
    modified TEXT NOT NULL,
    candidates TEXT NOT NULL DEFAULT '',
    section TEXT NOT NULL DEFAULT '',
    leave_out BIGINT NOT NULL DEFAULT 0,
    file_id TEXT,
    PRIMARY KEY (plan_id, position)
);
CREATE INDEX bulk_files_by_file ON bulk_files (file_id);
