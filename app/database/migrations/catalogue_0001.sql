-- The catalogue: the one truth. Times are ISO 8601 in UTC; ids are opaque unless called a number.

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('change', 0), ('access', 0);

-- One row per event; followers read from here.
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('made current', 'vectors filled', 'document deleted', 'access changed', 'space switched')),
    id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at TEXT NOT NULL
);

-- People.
CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    role TEXT NOT NULL CHECK (role IN ('administrator', 'member')),
    epoch INTEGER NOT NULL DEFAULT 1, -- raised to end all sessions of the user
    disabled_at TEXT,
    created_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE groups (group_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE memberships (
    group_id TEXT NOT NULL REFERENCES groups ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;
CREATE INDEX memberships_by_user ON memberships (user_id);
CREATE TABLE api_keys (
    api_key_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL,
    key_hash BLOB NOT NULL UNIQUE, -- HMAC of the key; the key itself is shown once and kept nowhere
    created_at TEXT NOT NULL,
    expires_at TEXT
) WITHOUT ROWID;
CREATE INDEX api_keys_by_user ON api_keys (user_id);

-- Knowledge bases and access. Readers of a document: those of its base, cut down by its rule if it has one.
CREATE TABLE knowledge_bases (
    knowledge_base_id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE knowledge_base_readers (
    knowledge_base_id TEXT NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE,
    user_id TEXT REFERENCES users ON DELETE CASCADE,
    group_id TEXT REFERENCES groups ON DELETE CASCADE,
    CHECK ((user_id IS NULL) <> (group_id IS NULL)),
    UNIQUE (knowledge_base_id, user_id, group_id)
);
-- A rule is a set of readers that never changes (but for people who are deleted); documents with the same
-- readers share it, and to change a document's access is to point it at another rule.
CREATE TABLE rules (rule_number INTEGER PRIMARY KEY, readers_hash TEXT NOT NULL UNIQUE);
CREATE TABLE rule_readers (
    rule_number INTEGER NOT NULL REFERENCES rules ON DELETE CASCADE,
    user_id TEXT REFERENCES users ON DELETE CASCADE,
    group_id TEXT REFERENCES groups ON DELETE CASCADE,
    CHECK ((user_id IS NULL) <> (group_id IS NULL)),
    UNIQUE (rule_number, user_id, group_id)
);

-- Documents, found again by (source, external id); versions, exactly one of them current.
CREATE TABLE sources (
    source_number INTEGER PRIMARY KEY,
    knowledge_base_id TEXT NOT NULL REFERENCES knowledge_bases,
    name TEXT NOT NULL, -- real path of a folder, or a name that was given
    UNIQUE (knowledge_base_id, name)
);
CREATE TABLE documents (
    document_id TEXT PRIMARY KEY,
    knowledge_base_id TEXT NOT NULL REFERENCES knowledge_bases,
    source_number INTEGER NOT NULL REFERENCES sources,
    external_id TEXT NOT NULL,
    rule_number INTEGER REFERENCES rules,
    refused TEXT, -- why the latest content could not be taken in
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (source_number, external_id)
) WITHOUT ROWID;
CREATE INDEX documents_by_knowledge_base ON documents (knowledge_base_id, document_id);
CREATE TABLE versions (
    version_number INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, -- 1, 2, ... within the document
    state TEXT NOT NULL CHECK (state IN ('writing', 'current', 'superseded', 'removed')),
    run_id TEXT NOT NULL,
    content_hash BLOB NOT NULL, -- keyed, so that unchanged files are known without being readable
    title TEXT NOT NULL,
    media_type TEXT NOT NULL,
    language TEXT NOT NULL,
    type TEXT,
    date TEXT,
    tags TEXT NOT NULL DEFAULT '[]',
    pages INTEGER NOT NULL,
    reader TEXT NOT NULL, -- reader and splitter settings, to know what must be read again
    splitter TEXT NOT NULL,
    notes TEXT NOT NULL DEFAULT '[]',
    size_bytes INTEGER NOT NULL,
    original BLOB, -- sealed content up to 64 KiB; larger ones lie in original_file
    original_file TEXT,
    original_key BLOB, -- random; destroying it erases the original wherever copies lie
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    current_at TEXT,
    superseded_at TEXT,
    UNIQUE (document_id, ordinal)
);
CREATE UNIQUE INDEX one_current_version ON versions (document_id) WHERE state = 'current';
CREATE INDEX unfinished_versions ON versions (state) WHERE state IN ('writing', 'superseded');
-- The original text, in segments on block borders; offsets count code points within the page.
CREATE TABLE texts (
    version_number INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
    page INTEGER NOT NULL, -- from 1; 0 where the format has no pages
    start INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (version_number, page, start)
);
CREATE TABLE chunks (
    chunk_number INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
    version_number INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, -- neighbours are ordinal - 1 and + 1
    kind TEXT NOT NULL,
    heading TEXT NOT NULL,
    spans TEXT NOT NULL, -- JSON [[page, start, end], ...]
    tokens INTEGER NOT NULL,
    embedded_hash BLOB NOT NULL, -- keyed hash of the text that is embedded
    UNIQUE (version_number, ordinal)
);

-- Vectors, by chunk and space; a chunk that waits for one has a row in missing_vectors.
CREATE TABLE spaces (
    space_number INTEGER PRIMARY KEY,
    space_id TEXT NOT NULL UNIQUE,
    dimension INTEGER NOT NULL,
    description TEXT NOT NULL,
    probes BLOB NOT NULL, -- float32 vectors of the probe texts
    state TEXT NOT NULL CHECK (state IN ('active', 'filling', 'retired')),
    created_at TEXT NOT NULL
);
CREATE UNIQUE INDEX one_active_space ON spaces (state) WHERE state = 'active';
CREATE TABLE vectors (
    chunk_number INTEGER NOT NULL REFERENCES chunks ON DELETE CASCADE,
    space_number INTEGER NOT NULL REFERENCES spaces,
    sequence INTEGER NOT NULL,
    vector BLOB NOT NULL, -- float32, unit length
    PRIMARY KEY (chunk_number, space_number)
);
CREATE INDEX vectors_by_sequence ON vectors (sequence);
CREATE TABLE missing_vectors (
    space_number INTEGER NOT NULL REFERENCES spaces,
    priority INTEGER NOT NULL, -- 0: a person waits; 1: bulk
    chunk_number INTEGER NOT NULL REFERENCES chunks ON DELETE CASCADE,
    PRIMARY KEY (space_number, priority, chunk_number)
) WITHOUT ROWID;
CREATE INDEX missing_vectors_by_chunk ON missing_vectors (chunk_number);

-- Work and its traces.
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY,
    knowledge_base_id TEXT NOT NULL REFERENCES knowledge_bases,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    finished_at TEXT,
    run_id TEXT,
    request_id TEXT NOT NULL,
    file_name TEXT NOT NULL,
    upload_file TEXT, -- sealed, in originals/, until the job is done
    upload_key BLOB,
    document_id TEXT REFERENCES documents ON DELETE SET NULL,
    replaces INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, -- how often a worker took it
    report TEXT NOT NULL DEFAULT '{}',
    sequence INTEGER
) WITHOUT ROWID;
CREATE INDEX jobs_by_state ON jobs (state, created_at);
CREATE TABLE job_versions (
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    version_number INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
    PRIMARY KEY (job_id, version_number)
) WITHOUT ROWID;
CREATE INDEX job_versions_by_version ON job_versions (version_number);
CREATE TABLE idempotency_keys (
    user_id TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    PRIMARY KEY (user_id, key_hash)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    snapshot_id TEXT PRIMARY KEY,
    knowledge_base_id TEXT NOT NULL REFERENCES knowledge_bases,
    kind TEXT NOT NULL CHECK (kind IN ('words', 'vectors')),
    space_number INTEGER REFERENCES spaces,
    sequence INTEGER NOT NULL,
    snapshot_key BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE erasures (
    erasure_number INTEGER PRIMARY KEY,
    document_id TEXT NOT NULL,
    knowledge_base_id TEXT NOT NULL,
    files TEXT NOT NULL, -- JSON list of sealed files whose keys are gone, still to be unlinked
    request_id TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    finished_at TEXT
);
