-- Takes jobs that are to be put in the queue for $3 seconds. $1 who, $2 queue, $4 how many. Columns: job, line.
-- Others pass over what is locked; what its taker did not end in time is taken again.
with due as materialized ( -- once, whatever the plan
	select job_id from job_outbox
	where queue = $2::text and next_attempt_at <= now() and (claimed_until is null or claimed_until < now())
	order by next_attempt_at
	limit $4::integer
	for update skip locked
)
update job_outbox
set claimed_by = $1::text, claimed_until = now() + make_interval(secs => $3::integer), attempts = attempts + 1
from due
where job_outbox.job_id = due.job_id
returning job_outbox.job_id, line::text
