-- One text for SQLite and PostgreSQL: TEXT, BIGINT (integers, flags 0/1, microseconds since the epoch).
-- '' stands for "none" where a column is part of a key.

CREATE TABLE organisations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    accent TEXT NOT NULL
);

CREATE TABLE series (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL
);

CREATE TABLE assessments (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    series_id TEXT NOT NULL REFERENCES series (id),
    name TEXT NOT NULL
);

-- definition: the component as JSON, see component::Component.
CREATE TABLE components (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    title TEXT NOT NULL,
    definition TEXT NOT NULL
);

CREATE TABLE assessment_components (
    assessment_id TEXT NOT NULL REFERENCES assessments (id),
    component_id TEXT NOT NULL REFERENCES components (id),
    due_at BIGINT NOT NULL,
    cut_off_at BIGINT NOT NULL,
    PRIMARY KEY (assessment_id, component_id)
);

CREATE TABLE centres (
    number TEXT PRIMARY KEY,
    name TEXT NOT NULL
);

-- issuer, subject: the person at the identity provider.
CREATE TABLE people (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    issuer TEXT,
    subject TEXT,
    disabled BIGINT NOT NULL DEFAULT 0
);

-- role: teacher officer moderator lead_moderator board auditor. organisation_id, centre_number and component_id
-- narrow it; '' does not.
CREATE TABLE roles (
    person_id TEXT NOT NULL REFERENCES people (id),
    role TEXT NOT NULL,
    organisation_id TEXT NOT NULL DEFAULT '',
    centre_number TEXT NOT NULL DEFAULT '',
    component_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (person_id, role, organisation_id, centre_number, component_id)
);

CREATE TABLE allocations (
    person_id TEXT NOT NULL REFERENCES people (id),
    component_id TEXT NOT NULL REFERENCES components (id),
    series_id TEXT NOT NULL REFERENCES series (id),
    centre_number TEXT NOT NULL REFERENCES centres (number),
    PRIMARY KEY (person_id, component_id, series_id, centre_number)
);

-- A sample: centre × component × series × occasion. state: open submitted returned.
CREATE TABLE samples (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    assessment_id TEXT NOT NULL REFERENCES assessments (id),
    component_id TEXT NOT NULL REFERENCES components (id),
    series_id TEXT NOT NULL REFERENCES series (id),
    occasion TEXT NOT NULL,
    centre_number TEXT NOT NULL REFERENCES centres (number),
    state TEXT NOT NULL,
    revision BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL,
    cut_off_at BIGINT NOT NULL,
    grace_seconds BIGINT NOT NULL DEFAULT 86400,
    seed TEXT,
    UNIQUE (centre_number, component_id, series_id, occasion)
);

-- search: name in lower case. due_at, cut_off_at: a candidate's own extension. returned: 1 while a returned sample is
-- open for this candidate.
CREATE TABLE candidates (
    id TEXT PRIMARY KEY,
    sample_id TEXT NOT NULL REFERENCES samples (id),
    number TEXT NOT NULL,
    name TEXT NOT NULL,
    search TEXT NOT NULL,
    mark BIGINT,
    status TEXT NOT NULL,
    in_sample BIGINT NOT NULL,
    due_at BIGINT,
    cut_off_at BIGINT,
    returned BIGINT NOT NULL DEFAULT 0,
    UNIQUE (sample_id, number)
);

-- A place files go to; the row that uploads, flags and submissions of that place lock, made when first needed.
-- candidate_id '' for sample documents. section: a section's code, Supporting, or a document's code.
CREATE TABLE places (
    sample_id TEXT NOT NULL REFERENCES samples (id),
    candidate_id TEXT NOT NULL,
    section TEXT NOT NULL,
    missing_reason TEXT,
    missing_note TEXT,
    missing_reference TEXT,
    missing_by TEXT,
    missing_at BIGINT,
    other_means TEXT,
    other_reference TEXT,
    incomplete_reason TEXT,
    PRIMARY KEY (sample_id, candidate_id, section)
);

-- A file, through its whole life. The state is the queue: workers claim rows in 'received' and 'checking'.
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    sample_id TEXT NOT NULL REFERENCES samples (id),
    candidate_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    section TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    original_name TEXT NOT NULL,
    path TEXT NOT NULL,
    declared_type TEXT,
    media_type TEXT,
    modified TEXT,
    size BIGINT,
    sha256 TEXT,
    client_sha256 TEXT,
    crc32 BIGINT,
    unique_name TEXT UNIQUE,
    replaces TEXT,
    duplicate_of TEXT,
    late BIGINT NOT NULL DEFAULT 0,
    unscanned BIGINT NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL,
    received_at BIGINT,
    checked_at BIGINT,
    accepted_at BIGINT,
    deleted_at BIGINT,
    quarantine_key TEXT,
    quarantine_version TEXT,
    evidence_key TEXT,
    evidence_version TEXT,
    verdict TEXT,
    engine TEXT,
    signatures TEXT,
    check_epoch BIGINT NOT NULL DEFAULT 0,
    check_owner TEXT,
    check_until BIGINT,
    check_after BIGINT,
    check_attempts BIGINT NOT NULL DEFAULT 0,
    waits_for TEXT
);
CREATE INDEX files_by_place ON files (sample_id, candidate_id, section);
CREATE INDEX files_by_state ON files (state, check_after);
CREATE INDEX files_by_digest ON files (sha256);

-- An upload's lease and ledger. offset_bytes: committed, so acknowledged or acknowledgeable. hash_state: SHA-256 of
-- [0, offset_bytes) as hexadecimal of the serialised state, hash_check its CRC-32. tail: JSON list of segments.
CREATE TABLE uploads (
    file_id TEXT PRIMARY KEY REFERENCES files (id),
    epoch BIGINT NOT NULL DEFAULT 0,
    owner TEXT,
    lease_until BIGINT,
    offset_bytes BIGINT NOT NULL DEFAULT 0,
    length BIGINT,
    max_length BIGINT NOT NULL,
    part_size BIGINT NOT NULL,
    object_epoch BIGINT NOT NULL DEFAULT 0,
    multipart TEXT,
    tail TEXT NOT NULL,
    hash_state TEXT NOT NULL,
    hash_check BIGINT NOT NULL,
    metadata TEXT NOT NULL,
    last_byte_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

CREATE TABLE upload_parts (
    file_id TEXT NOT NULL REFERENCES uploads (file_id),
    number BIGINT NOT NULL,
    etag TEXT NOT NULL,
    checksum TEXT,
    size BIGINT NOT NULL,
    PRIMARY KEY (file_id, number)
);

-- Objects nobody needs any more: written with the change that made them so, removed by the sweeper afterwards.
CREATE TABLE discards (
    path TEXT PRIMARY KEY,
    not_before BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX discards_by_time ON discards (not_before);

CREATE TABLE declaration_ticks (
    sample_id TEXT NOT NULL REFERENCES samples (id),
    revision BIGINT NOT NULL,
    declaration TEXT NOT NULL,
    version BIGINT NOT NULL,
    text_sha256 TEXT NOT NULL,
    ticked_by TEXT NOT NULL REFERENCES people (id),
    ticked_at BIGINT NOT NULL,
    PRIMARY KEY (sample_id, revision, declaration)
);

-- An immutable revision of a sample. manifest: the JSON document whose SHA-256 stands beside it.
CREATE TABLE submissions (
    id TEXT PRIMARY KEY,
    sample_id TEXT NOT NULL REFERENCES samples (id),
    revision BIGINT NOT NULL,
    receipt TEXT NOT NULL UNIQUE,
    submitted_at BIGINT NOT NULL,
    submitted_by TEXT NOT NULL REFERENCES people (id),
    late BIGINT NOT NULL,
    manifest TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL,
    UNIQUE (sample_id, revision)
);

CREATE TABLE submission_files (
    submission_id TEXT NOT NULL REFERENCES submissions (id),
    file_id TEXT NOT NULL REFERENCES files (id),
    PRIMARY KEY (submission_id, file_id)
);

CREATE TABLE sessions (
    id_sha256 TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    csrf TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);

CREATE TABLE tokens (
    id_sha256 TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- The audit trail. Rows enter unsealed (seq, prev_hash, hash are NULL) in the transaction of the change they tell
-- of. chain: the sample's id, or 'system'. Ids only, no names.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    chain TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    candidate_id TEXT NOT NULL,
    section TEXT NOT NULL,
    file_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    request_id TEXT NOT NULL,
    seq BIGINT,
    prev_hash TEXT,
    hash TEXT,
    UNIQUE (chain, seq)
);
CREATE INDEX audit_by_chain ON audit (chain, id);
CREATE INDEX audit_by_file ON audit (file_id);
CREATE INDEX audit_by_actor ON audit (actor, id);

-- Unique names, taken by INSERT ... ON CONFLICT DO NOTHING, which neither database answers with an aborted
-- transaction.
CREATE TABLE unique_names (
    name TEXT PRIMARY KEY,
    file_id TEXT NOT NULL
);
