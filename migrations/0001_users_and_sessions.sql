-- Who may use the API. Ids are ULIDs as text, so that they sort by time and read the same everywhere.

create table users (
	id text primary key check (length(id) between 1 and 128),
	tenant text check (length(tenant) between 1 and 128),
	email text not null check (length(email) between 3 and 320),
	name text check (length(name) <= 256),
	password_hash text not null check (length(password_hash) <= 512),
	role text not null default 'user' check (role in ('user', 'reviewer', 'admin')),
	disabled_at timestamptz,
	last_login_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now()
);
create unique index users_email on users (lower(email));
comment on table users is 'People who log in. The hash is Argon2id in its own text form; an address is one user whatever its case.';

create table sessions (
	id text primary key check (length(id) between 1 and 128),
	user_id text not null references users on delete cascade,
	user_agent text check (length(user_agent) <= 512),
	address inet,
	created_at timestamptz not null default now(),
	last_used_at timestamptz not null default now(),
	expires_at timestamptz not null,
	revoked_at timestamptz,
	revoked_because text check (revoked_because in ('logout', 'reuse', 'password', 'admin')),
	check ((revoked_at is null) = (revoked_because is null)),
	check (expires_at > created_at)
);
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);
comment on table sessions is 'One login and the family of refresh tokens that grew from it; revoking the row revokes them all.';

create table refresh_tokens (
	sha256 bytea primary key check (length(sha256) = 32),
	session_id text not null references sessions on delete cascade,
	created_at timestamptz not null default now(),
	used_at timestamptz,
	replaced_by bytea unique check (length(replaced_by) = 32),
	check (replaced_by is null or used_at is not null)
);
create unique index refresh_tokens_live on refresh_tokens (session_id) where used_at is null;
comment on table refresh_tokens is 'Hashes of refresh tokens. At most one of a session is unused; a used one that comes again means theft and ends the session.';
