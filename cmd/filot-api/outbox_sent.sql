-- The queue has these jobs. $1 array of jobs. Whoever claimed them: they are there.
delete from job_outbox where job_id = any ($1::text[])
