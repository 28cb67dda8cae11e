-- Uploads that are pieces of a file to come (tus, concatenation) have a lease and a ledger like any other, but no file:
-- a row of uploads belongs to one of files or to one of partials. So uploads is made anew without its reference to
-- files; its renaming keeps everyone else off until that is done. concat: `Upload-Concat` as it came ('partial', or
-- 'final;...' of a file that is put together), NULL for others.
ALTER TABLE uploads RENAME TO uploads_before;
ALTER TABLE upload_parts RENAME TO upload_parts_before;
DROP INDEX uploads_by_expiry;

CREATE TABLE uploads (
    file_id TEXT PRIMARY KEY,
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
    expires_at BIGINT NOT NULL,
    dialect TEXT NOT NULL DEFAULT 'tus',
    concat TEXT
);
INSERT INTO uploads (file_id, epoch, owner, lease_until, offset_bytes, length, max_length, part_size, object_epoch,
    multipart, tail, hash_state, hash_check, metadata, last_byte_at, expires_at, dialect)
SELECT file_id, epoch, owner, lease_until, offset_bytes, length, max_length, part_size, object_epoch,
    multipart, tail, hash_state, hash_check, metadata, last_byte_at, expires_at, dialect FROM uploads_before;
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

CREATE TABLE upload_parts (
    file_id TEXT NOT NULL REFERENCES uploads (file_id),
    number BIGINT NOT NULL,
    etag TEXT NOT NULL,
    checksum TEXT,
    size BIGINT NOT NULL,
    PRIMARY KEY (file_id, number)
);
INSERT INTO upload_parts (file_id, number, etag, checksum, size)
SELECT file_id, number, etag, checksum, size FROM upload_parts_before;
DROP TABLE upload_parts_before;
DROP TABLE uploads_before;

-- A piece of a file to come. It is its person's alone. state: open; whole (size, sha256 and object are set); taken (by the file
-- file_id); joined (that file has its bytes); ended (cancelled or expired). The bytes of one that is joined or ended
-- may go, then the object's key is NULL; the row tells for a while that it was there. ended_at: when it was joined or
-- ended. sample_id, candidate_id, kind, section: where the address said the file goes, or NULL and ''.
CREATE TABLE partials (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id),
    centre_number TEXT NOT NULL,
    sample_id TEXT REFERENCES samples (id),
    candidate_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    section TEXT NOT NULL,
    file_id TEXT REFERENCES files (id),
    size BIGINT,
    sha256 TEXT,
    object_key TEXT,
    object_version TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX partials_by_state ON partials (state, ended_at);
CREATE INDEX partials_by_person ON partials (person_id, state);
CREATE INDEX partials_by_centre ON partials (centre_number, state);

-- The pieces of a file that is put together, in order, and what they were when they came; the same one may stand twice.
CREATE TABLE pieces (
    file_id TEXT NOT NULL REFERENCES files (id),
    position BIGINT NOT NULL,
    partial_id TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (file_id, position)
);
