-- Since when what is staged of an upload may go: it was cancelled, it expired, or it is a piece of a file that has its
-- bytes or needs none. NULL of every other, and of a piece again when its bytes are gone: so that a sweep finds the few
-- it has to clear without a look at all that ever ended.
ALTER TABLE uploads ADD COLUMN ended_at BIGINT;
UPDATE uploads SET ended_at = 0 WHERE file_id IN (
    SELECT id FROM files WHERE state IN ('cancelled', 'expired') UNION ALL
    SELECT id FROM partials WHERE state = 'ended' OR state = 'joined' AND object_key IS NOT NULL
);
CREATE INDEX uploads_by_end ON uploads (ended_at) WHERE ended_at IS NOT NULL;
