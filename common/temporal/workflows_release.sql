-- The claim is given back. $1 workflow, $2 ms until it may be claimed again, $3 why the last call failed (null: it did not),
-- $4 why it is closed (null: it is not).
update temporal_workflows
set claimed_by = null, claimed_until = null,
    next_attempt_at = now() + make_interval(secs => $2::double precision / 1000),
    attempts = case when $3::text is null then 0 else attempts + 1 end,
    last_error = $3::text,
    closed_at = case when $4::text is not null then now() else closed_at end,
    closed_because = coalesce($4::text, closed_because)
where verification_id = $1::text
