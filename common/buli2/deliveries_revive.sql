-- A dead delivery is to be tried again. $1 delivery, $2 true: leave it to the caller to put it in the stream,
-- $3 seconds until it is given again all the same. Answers the row's state before: dead (revived now), dropped, …, or no row.
with row as (
	select id, case when dropped_at is null then state else 'dropped' end as state, verification_id
	from deliveries
	where id = $1::text
	for update
),
revived as (
	update deliveries
	set state = 'pending', attempts = 0, next_attempt_at = now(), claimed_by = null,
	    claimed_until = case when $2::boolean then now() + make_interval(secs => $3::double precision) end
	from row
	where deliveries.id = row.id and row.state = 'dead'
),
verification as (
	update verifications set state = 'evaluated', error_code = null, error_message = null, updated_at = now()
	from row
	where verifications.id = row.verification_id and row.state = 'dead' and verifications.state = 'failed'
	  and verifications.error_code = 'delivery_failed'
)
select state from row
