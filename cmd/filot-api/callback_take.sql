-- A decision of BULI2. $1 the callback's id, $2 verification, $3 sent at, $4 SHA-256 of the body (bytea), $5 body,
-- $6 decision: approved, rejected or review. Answers applied, ignored (the verification has its decision, or is not so
-- far), unknown (there is no such verification) or repeated. Each callback has its effect once, and a final decision stays.
-- Second column: the state before (null: unknown).
with seen as (
	select from callbacks where provider = 'buli2' and id = $1::text
),
target as (
	select id, state, error_code from verifications where id = $2::text for update
),
applied as (
	update verifications
	set state = $6::text, decision = $5::jsonb, error_code = null, error_message = null, updated_at = now(),
	    decided_at = case when $6::text in ('approved', 'rejected') then now() end
	from target
	where verifications.id = target.id and not exists (select from seen)
	  and (target.state in ('evaluated', 'submitted')
	       or (target.state = 'review' and $6::text <> 'review')
	       or (target.state = 'failed' and target.error_code = 'delivery_failed'))
	returning verifications.id
),
recorded as (
	insert into callbacks (provider, id, verification_id, sent_at, body_sha256, body, outcome)
	select 'buli2', $1::text, (select id from target), $3::timestamptz, $4::bytea, $5::jsonb,
	       case when exists (select from applied) then 'applied'
	            when exists (select from target) then 'ignored' else 'unknown' end
	where not exists (select from seen)
	on conflict (provider, id) do nothing
	returning outcome
)
select coalesce((select outcome from recorded), 'repeated'), (select state from target)
