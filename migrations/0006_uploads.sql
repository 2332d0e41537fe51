-- Uploads through the API.

alter table documents add column request_sha256 text check (request_sha256 ~ '^[0-9a-f]{64}$');
comment on column documents.request_sha256 is
	'Of the request that made it: an idempotency key that comes again with another request is refused.';

-- A service has no user, and its keys are its own.
create unique index documents_service_idempotency on documents (idempotency_key)
	where owner_id is null and idempotency_key is not null;

create table loose_objects (
	uri text primary key check (length(uri) between 1 and 4096),
	document_id text not null,
	expires_at timestamptz not null,
	claimed boolean not null default false,
	attempts integer not null default 0 check (attempts >= 0),
	last_error text,
	created_at timestamptz not null default now()
);
create index loose_objects_expiry on loose_objects (expires_at);
comment on table loose_objects is
	'Objects in storage that no document holds: of uploads that are not complete, and of deleted documents. The row is there before the object and goes after it, or when a document takes it.';
comment on column loose_objects.expires_at is
	'From then on any API removes the object; an upload that is under way moves it on. Of a claimed one: when the next may try.';
comment on column loose_objects.claimed is 'Its removal has begun: no document can take it any more.';
