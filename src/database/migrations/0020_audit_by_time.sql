-- What a listener asks for every second: the rows of a chain from a time on.
CREATE INDEX audit_by_time ON audit (chain, at);
