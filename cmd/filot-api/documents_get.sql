-- One document as the API shows it. $1 document, $2 owner (null: any). Columns: JSON, uri, name, state of its newest job
-- (null: its upload is not complete), that job's error.
select
--#include documents_columns.sql
	, d.uri, d.name, case when d.stored_at is not null then coalesce(j.state, 'stored') end,
	coalesce(j.error_code || ': ' || j.error_message, '')
from documents d
left join lateral (select * from jobs where document_id = d.id order by enqueued_at desc, id desc limit 1) j on true
where d.id = $1::text and d.deleted_at is null and ($2::text is null or d.owner_id = $2::text)
