-- The journal: who did what, in a file of its own so that an answer's record never waits behind an ingest.

CREATE TABLE audit (
    record_number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    request_id TEXT NOT NULL,
    actor TEXT NOT NULL, -- user id, or local:<operating system user>
    action TEXT NOT NULL,
    target TEXT NOT NULL, -- an id, never a text
    state TEXT NOT NULL CHECK (state IN ('intended', 'done', 'failed')),
    detail TEXT NOT NULL DEFAULT '{}' -- JSON of ids, counts and keyed hashes
);
CREATE INDEX audit_by_request ON audit (request_id);
CREATE INDEX audit_by_actor ON audit (actor, record_number);
