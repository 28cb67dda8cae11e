-- What every node signs with. Made when it is first needed; who removes a row and restarts the nodes makes void whatever
-- was signed with it.
CREATE TABLE signing_keys (
    name TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
