-- These jobs could not be put in the queue now. $1 array of jobs, $2 who had claimed them, $3 why.
-- The next try comes after a pause that doubles, up to a minute.
update job_outbox
set claimed_by = null, claimed_until = null, last_error = $3::text,
    next_attempt_at = now() + make_interval(secs => least(60, 0.5 * 2 ^ least(attempts, 10)))
where job_id = any ($1::text[]) and claimed_by = $2::text
