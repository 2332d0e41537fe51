-- An attempt begins. $1 job, $2 document, $3 uri, $4 sha256, $5 media type, $6 languages, $7 priority, $8 key,
-- $9 trace, $10 tenant, $11 attempt, $12 enqueued at, $13 worker, $14 when it asks for the first time, in Unix µs.
-- It takes the job from any earlier attempt, and from the same attempt when that is over or this worker's own. Asking
-- again over a new connection does no more; nor does what a connection that was cut still held, and the server comes to
-- only after the end of this very attempt: then the job has begun at $14 already and is not running any more.
with document as (
	insert into documents (id, tenant, uri, media_type, sha256, stored_at)
	values ($2::text, $10::text, $3::text, $5::text, lower($4::text), now())
	on conflict (id) do nothing
),
started as (
	insert into jobs as job (id, document_id, tenant, uri, lang, priority, idempotency_key, trace, state, attempt, worker,
	                         enqueued_at, started_at)
	select $1::text, $2::text, $10::text, $3::text, $6::text, $7::text, $8::text, $9::text, 'running', $11::integer,
	       $13::text, $12::timestamptz, timestamptz 'epoch' + $14::bigint * interval '1 microsecond'
	where not exists (select from documents where id = $2::text and deleted_at is not null)
	on conflict (id) do update
	set state = 'running', attempt = excluded.attempt, worker = excluded.worker, started_at = excluded.started_at,
	    finished_at = null,
	    error_code = null, error_message = null, updated_at = now()
	where job.state not in ('done', 'cancelled')
	  and (job.attempt < excluded.attempt
	       or (job.attempt = excluded.attempt
	           and case job.state when 'running' then job.worker = excluded.worker
	               else job.started_at is distinct from excluded.started_at end))
	returning 1
)
select case
	when exists (select from started) then 'taken'
	when exists (select from jobs where id = $1::text and state in ('done', 'cancelled')) then 'already_done'
	when exists (select from documents where id = $2::text and deleted_at is not null) then 'already_done'
	else 'superseded'
end
