-- A document is deleted: the row stays, marked; its text goes; jobs that are not done are cancelled, which a worker learns
-- when it takes or ends one; its object becomes a loose one. $1 document, $2 owner (null: any).
-- Answers its uri, empty when the object is not one that the API made. Sent twice, it may answer nothing.
with document as (
	select id, uri from documents
	where id = $1::text and deleted_at is null and ($2::text is null or owner_id = $2::text)
	for update
),
marked as (
	update documents set deleted_at = now(), updated_at = now() from document where documents.id = document.id
),
cancelled as (
	update jobs set state = 'cancelled', finished_at = now(), updated_at = now()
	from document
	where jobs.document_id = document.id and jobs.state in ('queued', 'running', 'retrying')
),
unsent as (
	delete from job_outbox using jobs, document where job_outbox.job_id = jobs.id and jobs.document_id = document.id
),
pages as (
	delete from ocr_pages using document where ocr_pages.document_id = document.id
),
object as (
	select id, uri from document where uri ~ '^r2://[^/]+/documents/' and position('/' || id || '/' in uri) > 0
),
loose as (
	insert into loose_objects (uri, document_id, expires_at) select uri, id, now() from object
	on conflict (uri) do update set expires_at = now()
)
select coalesce((select uri from object), '') from document
