-- What kind of list it is: candidates, centres, allocations or component; and how many lines it has.
ALTER TABLE imports ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN lines BIGINT NOT NULL DEFAULT 0;
