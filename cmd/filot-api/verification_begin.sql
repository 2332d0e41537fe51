-- A verification is asked for. $1 its id, $2 tenant, $3 owner (null: a service), $4 idempotency key, $5 claim (object),
-- $6 SHA-256 of the request, $7 documents (array of {"document", "role"}), $8 whether Temporal runs a workflow for it.
-- Answers created, missing (with the first document that the caller does not have) or exists (the key was used).
with given as (
	select value ->> 'document' as document_id, value ->> 'role' as role, ordinality as position
	from jsonb_array_elements($7::jsonb) with ordinality
),
missing as (
	select document_id, position from given
	where not exists (select from documents
	                  where documents.id = given.document_id and deleted_at is null
	                    and ($3::text is null or owner_id = $3::text))
),
created as (
	insert into verifications (id, tenant, owner_id, idempotency_key, claimed, request_sha256)
	select $1::text, $2::text, $3::text, $4::text, $5::jsonb, $6::text
	where not exists (select from missing)
	on conflict do nothing
	returning id
),
linked as (
	insert into verification_documents (verification_id, document_id, position, role)
	select created.id, given.document_id, given.position, given.role from created, given
),
workflow as (
	insert into temporal_workflows (verification_id) select id from created where $8::boolean
)
select case
	when exists (select from created) then 'created'
	when exists (select from missing) then 'missing'
	else 'exists'
end, (select document_id from missing order by position limit 1)
