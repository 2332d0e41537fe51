-- Verification of a person by documents, and the exchange with BULI2.

create table verifications (
	id text primary key check (length(id) between 1 and 128),
	tenant text check (length(tenant) between 1 and 128),
	owner_id text references users on delete set null,
	idempotency_key text check (length(idempotency_key) between 1 and 256),
	claimed jsonb not null check (jsonb_typeof(claimed) = 'object'),
	state text not null default 'reading'
		check (state in ('reading', 'evaluated', 'submitted', 'approved', 'rejected', 'review', 'failed')),
	checks jsonb,
	score real check (score between 0 and 1),
	decision jsonb,
	error_code text,
	error_message text,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	decided_at timestamptz,
	check (state not in ('approved', 'rejected') or decided_at is not null)
);
create unique index verifications_idempotency on verifications (owner_id, idempotency_key)
	where idempotency_key is not null;
create index verifications_owner on verifications (owner_id, id desc);
create index verifications_open on verifications (state, updated_at)
	where state in ('reading', 'evaluated', 'submitted', 'review');
comment on table verifications is 'A claim about a person, what the documents say of it, and BULI2''s decision.';
comment on column verifications.checks is 'Claimed against read, member by member: value read, where, and whether they agree.';

create table verification_documents (
	verification_id text not null references verifications on delete cascade,
	document_id text not null references documents on delete cascade,
	position integer not null check (position >= 1),
	role text check (length(role) <= 64),
	primary key (verification_id, document_id),
	unique (verification_id, position)
);
create index verification_documents_document on verification_documents (document_id);
comment on table verification_documents is 'The documents that a verification rests on.';

create table deliveries (
	id text primary key check (length(id) between 1 and 128),
	verification_id text not null references verifications on delete cascade,
	idempotency_key text not null unique check (length(idempotency_key) between 1 and 256),
	payload jsonb not null check (jsonb_typeof(payload) = 'object'),
	state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
	attempts integer not null default 0 check (attempts >= 0),
	next_attempt_at timestamptz not null default now(),
	claimed_by text,
	claimed_until timestamptz,
	last_status integer,
	last_error text,
	response jsonb,
	created_at timestamptz not null default now(),
	delivered_at timestamptz,
	check ((state = 'delivered') = (delivered_at is not null))
);
create index deliveries_due on deliveries (next_attempt_at) where state = 'pending';
create index deliveries_verification on deliveries (verification_id);
comment on table deliveries is 'Outbox to BULI2, written with the verification: sent at least once, always with the same idempotency key.';

create table callbacks (
	provider text not null default 'buli2' check (length(provider) between 1 and 64),
	id text not null check (length(id) between 1 and 256),
	verification_id text references verifications on delete set null,
	sent_at timestamptz not null,
	body_sha256 bytea not null check (length(body_sha256) = 32),
	body jsonb not null,
	outcome text not null check (outcome in ('applied', 'ignored', 'unknown')),
	received_at timestamptz not null default now(),
	primary key (provider, id)
);
create index callbacks_received on callbacks (received_at);
create index callbacks_verification on callbacks (verification_id);
comment on table callbacks is 'Replay guard: every callback that was accepted, once. Rows older than the replay window may be deleted.';
