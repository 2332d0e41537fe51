-- Verifications: what the API needs to take a request once, and the workflows that Temporal runs for them.

alter table verifications add column request_sha256 text check (request_sha256 ~ '^[0-9a-f]{64}$');
comment on column verifications.request_sha256 is
	'Of the request that made it: an idempotency key that comes again with another request is refused.';

-- A service has no user, and its keys are its own.
create unique index verifications_service_idempotency on verifications (idempotency_key)
	where owner_id is null and idempotency_key is not null;

create table temporal_workflows (
	verification_id text primary key references verifications on delete cascade,
	started_at timestamptz,
	run_id text check (length(run_id) <= 256),
	read_signalled_at timestamptz,
	decided_signalled_at timestamptz,
	signalled_state text,
	closed_at timestamptz,
	closed_because text check (closed_because in ('decided', 'gone', 'refused')),
	attempts integer not null default 0 check (attempts >= 0),
	next_attempt_at timestamptz not null default now(),
	claimed_by text,
	claimed_until timestamptz,
	last_error text,
	created_at timestamptz not null default now(),
	check ((closed_at is null) = (closed_because is null))
);
create index temporal_workflows_open on temporal_workflows (next_attempt_at) where closed_at is null;
comment on table temporal_workflows is
	'One row a verification, written with it while Temporal is on. What Temporal is to be told follows from this row and the verification''s state, so nothing is lost when a process dies.';
comment on column temporal_workflows.signalled_state is 'The decision that Temporal was told last.';
comment on column temporal_workflows.attempts is 'Failures in a row.';
