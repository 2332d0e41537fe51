-- The state of a job; no row when it is not known here. $1 job.
select state from jobs where id = $1::text
