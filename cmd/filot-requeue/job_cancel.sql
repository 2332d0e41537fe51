-- Cancels a job that is not over. $1 job. Returns the state that it had; no row when it is not known here.
-- From then on no worker can store a result for it: jobs_store_result.sql writes only what is running.
with job as (
	select id, state from jobs where id = $1::text for update
),
changed as (
	update jobs set state = 'cancelled', finished_at = now(), updated_at = now()
	from job
	where jobs.id = job.id and job.state in ('queued', 'running', 'retrying')
)
select state from job
