-- What POST /documents answers of a document that is stored: only what never changes, so that the same request gets the same
-- answer whenever it comes again. $1 document. Columns: JSON, sum of the request.
select json_build_object(
		'id', d.id,
		'name', d.name,
		'media_type', d.media_type,
		'size_bytes', d.size_bytes,
		'sha256', d.sha256,
		'status', 'queued',
		'job', json_build_object('id', j.id, 'lang', j.lang, 'priority', j.priority),
		'created_at', to_char(d.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
	d.request_sha256
from documents d
join lateral (select * from jobs where document_id = d.id order by enqueued_at, id limit 1) j on true
where d.id = $1::text and d.stored_at is not null and d.deleted_at is null
