-- The dialect an upload was begun in: a request that does not say which it speaks is answered in this one.
ALTER TABLE uploads ADD COLUMN dialect TEXT NOT NULL DEFAULT 'tus';
