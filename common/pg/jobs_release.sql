-- A worker hands a job back unfinished. $1 job, $2 attempt, $3 worker. Any worker may then begin the same attempt.
with job as (
	select id, state, attempt, worker from jobs where id = $1::text for update
),
mine as (
	select id from job where attempt = $2::integer and (state = 'queued' or (state = 'running' and worker = $3::text))
),
released as (
	update jobs set state = 'queued', worker = null, updated_at = now() from mine where jobs.id = mine.id
)
select case
	when exists (select from mine) then 'taken'
	when exists (select from job where state in ('done', 'cancelled')) then 'already_done'
	else 'superseded'
end
