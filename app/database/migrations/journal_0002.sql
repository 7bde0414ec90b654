-- Sessions of people who signed in with a password. One counts only while users.epoch in the catalogue is still its
-- own, so that a journal put back in time revives nobody whose password has changed since.
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY, -- HMAC of the cookie's token; the token itself is kept nowhere
    user_id TEXT NOT NULL,
    epoch INTEGER NOT NULL, -- of the user, when the password was checked
    created_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL -- written at most once a minute
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
