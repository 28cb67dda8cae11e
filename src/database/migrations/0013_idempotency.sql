-- Writing calls that carried an Idempotency-Key, and what was answered. fingerprint: SHA-256 of method, address and
-- body. attempt: whose the row is while the call runs. status is NULL until there is an answer; headers: JSON.
CREATE TABLE idempotency_keys (
    person_id TEXT NOT NULL REFERENCES people (id),
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    attempt TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    status BIGINT,
    headers TEXT,
    body TEXT,
    PRIMARY KEY (person_id, key)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (begun_at);
