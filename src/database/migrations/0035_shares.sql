-- A file that several candidates share: a row for each of them but the first, whose upload it is. kind and section: the
-- place it is for, with each. begun_at: the moment by which their dates are judged. state: waiting, made (copy_id is
-- their file) or refused (code and detail say why). While it waits, copy_id and copy_name are of the copy that is being
-- made. due_at: by the database's own time, until when nobody else looks at it.
CREATE TABLE shares (
    file_id TEXT NOT NULL REFERENCES files (id),
    candidate_id TEXT NOT NULL,
    number TEXT NOT NULL,
    sample_id TEXT NOT NULL REFERENCES samples (id),
    kind TEXT NOT NULL,
    section TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id),
    begun_at BIGINT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    copy_id TEXT,
    copy_name TEXT,
    code TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    due_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (file_id, candidate_id)
);
CREATE INDEX shares_waiting ON shares (due_at) WHERE state = 'waiting';
CREATE INDEX shares_by_sample ON shares (sample_id);
CREATE INDEX shares_by_copy ON shares (copy_id);
