-- A document's result line (filot-jobs(5)) without its pages. $1 document, $2 owner (null: any). Columns: how the line
-- begins and how it ends, with the pages' objects to be put between. Of the job that is done, else of the newest if it failed.
select
	'{"v":1,"job":' || to_json(j.id) || ',"document":' || to_json(d.id) || ',"status":"' || j.state || '","pages":[',
	']' || coalesce(',"engine":' || j.engine::text, '')
	|| ',"ms":' || ('{"store":0}'::jsonb || coalesce(j.times_ms, '{}'))::text
	|| case when j.state = 'failed' then
		',"error":' || json_build_object('code', j.error_code, 'message', coalesce(j.error_message, ''))::text else '' end
	|| '}' || chr(10),
	j.id
from documents d
join lateral (
	select * from jobs
	where document_id = d.id and (id = d.latest_job_id or state = 'failed')
	order by id = d.latest_job_id desc nulls last, enqueued_at desc
	limit 1
) j on true
where d.id = $1::text and d.deleted_at is null and ($2::text is null or d.owner_id = $2::text)
