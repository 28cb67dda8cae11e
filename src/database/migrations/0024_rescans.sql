-- waits_since: since when a check waits for what waits_for says. check_lost: claims of a file, for its check or for a
-- scan later on, that never came back, one after the other.
ALTER TABLE files ADD COLUMN waits_since BIGINT;
ALTER TABLE files ADD COLUMN check_lost BIGINT NOT NULL DEFAULT 0;

-- The scan an accepted file's verdict stands on: when, and of when its signatures were (0: not known, so older than any).
-- rescan_rank: which goes first. 0: its object is in doubt; 1: somebody asked for its sample; 2: by age.
ALTER TABLE files ADD COLUMN scanned_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN signatures_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN rescan_rank BIGINT NOT NULL DEFAULT 2;
CREATE INDEX files_by_scan ON files (rescan_rank, scanned_at, signatures_at) WHERE state = 'accepted';

-- withheld: why an accepted file's bytes do not leave for now: object_lost, object_changed, digest_mismatch.
ALTER TABLE files ADD COLUMN withheld TEXT;
ALTER TABLE files ADD COLUMN withheld_at BIGINT;
CREATE INDEX files_withheld ON files (withheld_at) WHERE withheld IS NOT NULL;
-- When a later scan found something in an accepted file.
ALTER TABLE files ADD COLUMN quarantined_at BIGINT;
