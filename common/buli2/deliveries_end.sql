-- A try ended. $1 delivery, $2 delivered|retry|dead, $3 HTTP status, $4 why not, $5 the answer (JSON) or null,
-- $6 ms from now until the next try, $7 seconds after that until the row is given to the stream again.
-- The verification follows in the same statement: submitted when BULI2 has the request, failed when it never will.
-- Sent twice it writes the same again.
with ended as (
	update deliveries
	set state = case $2::text when 'retry' then 'pending' else $2::text end,
	    delivered_at = case $2::text when 'delivered' then now() end,
	    next_attempt_at = case $2::text when 'retry' then now() + make_interval(secs => $6::double precision / 1000)
	                                    else next_attempt_at end,
	    claimed_by = null,
	    claimed_until = case $2::text when 'retry'
	                    then now() + make_interval(secs => $6::double precision / 1000 + $7::double precision) end,
	    last_status = $3::integer, last_error = $4::text, response = coalesce($5::jsonb, response)
	where id = $1::text and (state = 'pending' or (state = 'dead' and $2::text = 'delivered'))
	returning verification_id
)
update verifications
set state = case $2::text when 'delivered' then 'submitted' else 'failed' end,
    error_code = case $2::text when 'dead' then 'delivery_failed' end,
    error_message = case $2::text when 'dead' then $4::text end,
    updated_at = now()
from ended
where verifications.id = ended.verification_id and $2::text <> 'retry'
  and (state = 'evaluated' or (state = 'failed' and error_code = 'delivery_failed'))
