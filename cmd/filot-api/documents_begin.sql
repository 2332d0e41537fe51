-- An upload begins. $1 new document, $2 tenant, $3 owner (null: a service), $4 idempotency key, $5 uri, $6 name,
-- $7 sum of the request (null while it is not known), $8 bytes, $9 sha256 as announced, $10 seconds until it expires.
-- Answers one row: outcome, document, uri, sum of the request. The outcomes: begun; stored and waiting (a document with that
-- key is there, or its upload is under way), deleted, and again: another request with that key came first, ask once more.
-- An upload that has expired is taken over, with its document and another uri. Sent twice it begins one upload.
with existing as (
	select id, uri, stored_at, deleted_at, request_sha256 from documents
	where idempotency_key = $4::text and (owner_id = $3::text or ($3::text is null and owner_id is null))
	for update
),
live as (
	select from loose_objects join existing using (uri) where not claimed and expires_at > now()
),
taken as (
	update documents
	set uri = $5::text, name = $6::text, request_sha256 = $7::text, size_bytes = $8::bigint, sha256 = $9::text,
	    updated_at = now()
	from existing
	where documents.id = existing.id and existing.stored_at is null and existing.deleted_at is null
	  and not exists (select from live)
	returning documents.id
),
made as (
	insert into documents (id, tenant, owner_id, idempotency_key, uri, name, request_sha256, size_bytes, sha256)
	select $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint, $9::text
	where not exists (select from existing)
	on conflict do nothing
	returning id
),
begun as (
	select id from taken union all select id from made
	union all select id from documents where id = $1::text and uri = $5::text
	union all select id from existing where uri = $5::text
),
loose as (
	insert into loose_objects (uri, document_id, expires_at)
	select $5::text, id, now() + make_interval(secs => $10::integer) from begun limit 1
	on conflict do nothing
)
select 'begun', id, $5::text, $7::text from begun
union all
select case when deleted_at is not null then 'deleted' when stored_at is not null then 'stored' else 'waiting' end,
       id, uri, request_sha256
from existing
union all
select 'again', null, null, null
limit 1
