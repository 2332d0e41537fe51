-- A sender is about to send. $1 delivery, $2 sender, $3 seconds it may take.
-- Answers taken (with the number of this try, the key and the payload), delivered, dead, held (somebody else sends it, or it is not due) or unknown.
-- The 5 seconds are for clocks that differ: when it is due was decided by Redis' clock.
with row as (
	select id, state from deliveries where id = $1::text for update
),
taken as (
	update deliveries
	set attempts = attempts + 1, claimed_by = $2::text,
	    claimed_until = now() + make_interval(secs => $3::double precision)
	from row
	where deliveries.id = row.id and row.state = 'pending' and next_attempt_at <= now() + interval '5 seconds'
	  and (claimed_by is null or claimed_by = $2::text or claimed_until <= now())
	returning attempts, idempotency_key, payload
)
select case
	when exists (select from taken) then 'taken'
	when not exists (select from row) then 'unknown'
	when (select state from row) = 'pending' then 'held'
	else (select state from row)
end, (select attempts from taken), (select idempotency_key from taken), (select payload from taken)
