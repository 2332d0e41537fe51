-- An attempt is done. $1 job, $2 attempt, $3 page objects of the result line (a JSON array), $4 engine, $5 times in ms.
-- Pages, job and document change together, and only while this attempt holds the job.
-- The array is json and not jsonb because jsonb ends at 256 MiB; each page becomes jsonb by itself.
with job as (
	select id, document_id, enqueued_at, state, attempt from jobs where id = $1::text for update
),
mine as (
	select id, document_id, enqueued_at from job where state = 'running' and attempt = $2::integer
),
page as (
	select mine.id as job_id, mine.document_id, value::jsonb as json
	from mine, json_array_elements($3::json)
),
stored as (
	insert into ocr_pages (job_id, number, document_id, width_px, height_px, dpi, rotation, confidence, text, layout)
	select job_id, (json ->> 'page')::integer, document_id, (json ->> 'width')::integer, (json ->> 'height')::integer,
	       (json ->> 'dpi')::integer, (json ->> 'rotation')::integer, (json ->> 'confidence')::real,
	       coalesce(json ->> 'text', ''),
	       json - '{page,width,height,dpi,rotation,confidence,text}'::text[]
	from page
	on conflict (job_id, number) do update
	set width_px = excluded.width_px, height_px = excluded.height_px, dpi = excluded.dpi, rotation = excluded.rotation,
	    confidence = excluded.confidence, text = excluded.text, layout = excluded.layout
),
finished as (
	update jobs
	set state = 'done', page_count = (select count(*) from page), engine = $4::jsonb, times_ms = $5::jsonb,
	    finished_at = now(), updated_at = now()
	from mine
	where jobs.id = mine.id
),
shown as ( -- what a document's text is: that of its newest job that is done
	update documents
	set latest_job_id = mine.id, updated_at = now()
	from mine
	where documents.id = mine.document_id
	  and not exists (select from jobs newer
	                  where newer.id = documents.latest_job_id and newer.enqueued_at > mine.enqueued_at)
)
select case
	when exists (select from mine) then 'taken'
	when exists (select from job where state in ('done', 'cancelled')) then 'already_done'
	else 'superseded'
end
