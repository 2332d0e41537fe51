-- Rows that are due and in nobody's hands, to be put in the stream. $1 most, $2 seconds until a row that is still pending is
-- given again: then Redis has lost it, or its sender has. Two relays never get the same.
with due as (
	select id from deliveries
	where state = 'pending' and next_attempt_at <= now() and (claimed_until is null or claimed_until <= now())
	order by next_attempt_at
	limit $1::integer
	for update skip locked
)
update deliveries
set claimed_by = null, claimed_until = now() + make_interval(secs => $2::double precision)
from due
where deliveries.id = due.id
returning deliveries.id, verification_id, idempotency_key, attempts
