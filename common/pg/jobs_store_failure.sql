-- An attempt failed. $1 job, $2 attempt, $3 new state (retrying or failed), $4 error code, $5 message.
-- Sent twice it writes the same again, the history once. The history keeps the last 20 attempts.
with job as (
	select id, state, attempt from jobs where id = $1::text for update
),
mine as (
	select id, state = 'running' as first from job where attempt = $2::integer and state in ('running', 'retrying', 'failed')
),
written as (
	update jobs
	set state = $3::text, error_code = $4::text, error_message = $5::text, updated_at = now(),
	    finished_at = case when $3::text = 'failed' then now() end,
	    history = case when mine.first then
	        case when jsonb_array_length(history) >= 20 then history - 0 else history end
	        || jsonb_build_array(jsonb_build_object('attempt', jobs.attempt, 'worker', jobs.worker,
	                                                'started_at', jobs.started_at, 'failed_at', now(),
	                                                'code', $4::text, 'message', $5::text))
	        else history end
	from mine
	where jobs.id = mine.id
)
select case
	when exists (select from mine) then 'taken'
	when exists (select from job where state in ('done', 'cancelled')) then 'already_done'
	else 'superseded'
end
