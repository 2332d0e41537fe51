-- A page of documents, newest first. $1 owner (null: all), $2 the last one of the page before (null: from the start),
-- $3 how many. Columns: id, JSON.
select d.id,
--#include documents_columns.sql
from (
	select * from documents
	where deleted_at is null and ($1::text is null or owner_id = $1::text) and ($2::text is null or id < $2::text)
	order by id desc
	limit $3::integer
) d
left join lateral (select * from jobs where document_id = d.id order by enqueued_at desc, id desc limit 1) j on true
order by d.id desc
