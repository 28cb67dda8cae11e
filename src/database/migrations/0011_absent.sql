-- What the centre said of a candidate's absence: words, the reference of a decision, and who said it. absent_by is
-- NULL for an absence that was imported.
ALTER TABLE candidates ADD COLUMN absent_reason TEXT;
ALTER TABLE candidates ADD COLUMN absent_reference TEXT;
ALTER TABLE candidates ADD COLUMN absent_by TEXT;
