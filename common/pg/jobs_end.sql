-- How a job ended that is done already, to tell of it again. $1 job. No row when it was cancelled.
select attempt, page_count, coalesce(worker, ''), to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
from jobs
where id = $1::text and state = 'done'
