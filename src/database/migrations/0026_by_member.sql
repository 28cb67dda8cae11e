-- by_member: 1 where an accepted file is an archive beyond the scanner's size, which was scanned by its members, and is
-- again. Every file of that size that was scanned is one; of a gzip below it that holds more, earlier rows do not tell.
ALTER TABLE files ADD COLUMN by_member BIGINT NOT NULL DEFAULT 0;
UPDATE files SET by_member = 1 WHERE state = 'accepted' AND unscanned = 0 AND size > 2147483645;
