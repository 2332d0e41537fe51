-- Documents as the API shows them. $1 their ids, $2 of each the owner (null: any), arrays of one length. Columns: the number
-- in these arrays, JSON, uri, name, state of its newest job (null: its upload is not complete), that job's error.
select asked.number,
--#include documents_columns.sql
	, d.uri, d.name, case when d.stored_at is not null then coalesce(j.state, 'stored') end,
	coalesce(j.error_code || ': ' || j.error_message, '')
from unnest($1::text[], $2::text[]) with ordinality asked (id, owner, number)
join documents d on d.id = asked.id and d.deleted_at is null and (asked.owner is null or d.owner_id = asked.owner)
left join lateral (select * from jobs where document_id = d.id order by enqueued_at desc, id desc limit 1) j on true
