-- A session's refresh tokens, spent ones too: deleting a session, or what is old of it, must not read the whole table.

create index refresh_tokens_session on refresh_tokens (session_id);
