-- All that the database knows of a job, as JSON. $1 job.
select (to_jsonb(jobs) || jsonb_build_object('pages_stored', (select count(*) from ocr_pages where job_id = jobs.id)))::text
from jobs where id = $1::text
