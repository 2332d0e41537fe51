create table if not exists schema_migrations (
	version bigint primary key check (version > 0),
	name text not null,
	checksum text not null,
	state text not null check (state in ('applied', 'dirty')),
	statements_done integer not null default 0,
	error text,
	applied_at timestamptz not null default clock_timestamp(),
	ms bigint not null default 0,
	by text not null
)
