-- What is to be read, and how far the reading is.

create table documents (
	id text primary key check (length(id) between 1 and 128),
	tenant text check (length(tenant) between 1 and 128),
	owner_id text references users on delete set null,
	idempotency_key text check (length(idempotency_key) between 1 and 256),
	uri text not null,
	name text check (length(name) <= 1024),
	media_type text check (length(media_type) <= 256),
	size_bytes bigint check (size_bytes >= 0),
	sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
	latest_job_id text,
	stored_at timestamptz,
	deleted_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now()
);
create unique index documents_idempotency on documents (owner_id, idempotency_key) where idempotency_key is not null;
create index documents_owner on documents (owner_id, id desc) where deleted_at is null;
create index documents_tenant on documents (tenant, id desc) where deleted_at is null;
comment on table documents is 'One row a document. A deleted one keeps its row, so that a job still on its way is not taken for a new document.';
comment on column documents.owner_id is 'Empty for documents that came by filot-enqueue.';
comment on column documents.stored_at is 'Empty while an upload is not complete.';
comment on column documents.latest_job_id is 'The newest job that is done: its pages are the document''s text.';

create table jobs (
	id text primary key check (length(id) between 1 and 128),
	document_id text not null references documents on delete cascade,
	tenant text,
	uri text not null,
	lang text not null default 'eng',
	priority text not null default 'normal' check (priority in ('high', 'normal', 'low')),
	idempotency_key text,
	trace text,
	state text not null default 'queued'
		check (state in ('queued', 'running', 'retrying', 'done', 'failed', 'cancelled')),
	attempt integer not null default 0 check (attempt >= 0),
	worker text,
	error_code text,
	error_message text,
	history jsonb not null default '[]' check (jsonb_typeof(history) = 'array'),
	page_count integer check (page_count >= 0),
	engine jsonb,
	times_ms jsonb,
	enqueued_at timestamptz not null default now(),
	started_at timestamptz,
	finished_at timestamptz,
	updated_at timestamptz not null default now(),
	check (state <> 'running' or (worker is not null and started_at is not null)),
	check (state <> 'done' or (page_count is not null and finished_at is not null)),
	check (state <> 'failed' or error_code is not null)
);
create index jobs_document on jobs (document_id, enqueued_at desc);
create index jobs_open on jobs (state, updated_at) where state in ('queued', 'running', 'retrying');
create index jobs_failed on jobs (finished_at desc) where state = 'failed';
comment on table jobs is 'One row a job of the queue, written by workers. Only the attempt that holds a job may write its end.';
comment on column jobs.attempt is 'The fencing token: it only grows; 0 until a worker began.';
comment on column jobs.history is 'Failed attempts, the last 20: attempt, worker, started_at, failed_at, code, message.';

alter table documents add constraint documents_latest_job foreign key (latest_job_id) references jobs on delete set null;
create index documents_latest_job on documents (latest_job_id) where latest_job_id is not null;

create table job_outbox (
	job_id text primary key references jobs on delete cascade,
	queue text not null default 'ocr',
	line jsonb not null check (jsonb_typeof(line) = 'object'),
	attempts integer not null default 0 check (attempts >= 0),
	next_attempt_at timestamptz not null default now(),
	claimed_by text,
	claimed_until timestamptz,
	last_error text,
	created_at timestamptz not null default now()
);
create index job_outbox_due on job_outbox (next_attempt_at);
comment on table job_outbox is 'Jobs accepted here and not yet seen in Redis, written in the transaction that makes the document; a row goes when Redis has the job.';
