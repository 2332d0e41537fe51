-- How far the jobs of documents are, for those who follow them. $1 array of documents.
-- Columns: document, job, state, attempt, pages, error code, error message. A deleted document's state is deleted.
select d.id, coalesce(j.id, ''), case when d.deleted_at is not null then 'deleted' else coalesce(j.state, 'uploading') end,
	coalesce(j.attempt, 0), coalesce(j.page_count, 0), coalesce(j.error_code, ''), coalesce(j.error_message, '')
from documents d
left join lateral (select * from jobs where document_id = d.id order by enqueued_at desc, id desc limit 1) j on true
where d.id = any ($1::text[])
