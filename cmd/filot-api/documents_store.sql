-- The object is there: the document takes it, and its job and the job's line for the queue come with it, or none of them.
-- $1 document, $2 uri, $3 bytes, $4 sha256, $5 media type, $6 name (null: as it is), $7 sum of the request (null: as it
-- is), $8 job, $9 languages, $10 priority, $11 job line, $12 queue, $13 uri of the object, which may be another (a copy).
-- Answers stored or lost (the upload had expired, another took it over, the document was deleted). Sent twice it stores once.
with document as (
	select id, tenant from documents
	where id = $1::text and uri = $2::text and stored_at is null and deleted_at is null
	for update
),
held as (
	delete from loose_objects using document where uri = $13::text and not claimed returning id, tenant
),
stored as (
	update documents
	set uri = $13::text, stored_at = now(), size_bytes = $3::bigint, sha256 = $4::text, media_type = $5::text,
	    name = coalesce($6::text, name), request_sha256 = coalesce($7::text, request_sha256), updated_at = now()
	from held
	where documents.id = held.id
),
job as (
	insert into jobs (id, document_id, tenant, uri, lang, priority)
	select $8::text, id, tenant, $13::text, $9::text, $10::text from held
	returning id
),
sent as (
	insert into job_outbox (job_id, queue, line) select id, $12::text, $11::jsonb from job
)
select case
	when exists (select from held) then 'stored'
	when exists (select from documents where id = $1::text and uri in ($2::text, $13::text) and stored_at is not null
	             and deleted_at is null) then 'stored'
	else 'lost'
end
