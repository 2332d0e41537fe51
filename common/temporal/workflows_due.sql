-- A workflow for which there is something to do, claimed. $1 who claims, $2 seconds of the claim.
-- What is to do follows from the row and its verification: start it; say that the documents are read; say what was decided
-- (failed is a decision, too: no other comes, unless a dead delivery is brought back).
with due as (
	select w.verification_id
	from temporal_workflows w join verifications v on v.id = w.verification_id
	where w.closed_at is null and w.next_attempt_at <= now() and (w.claimed_until is null or w.claimed_until <= now())
	  and (w.started_at is null
	       or (w.read_signalled_at is null and v.state <> 'reading')
	       or (v.state in ('approved', 'rejected', 'failed') and w.signalled_state is distinct from v.state))
	order by w.next_attempt_at
	limit 1
	for update of w skip locked
)
update temporal_workflows w
set claimed_by = $1::text, claimed_until = now() + make_interval(secs => $2::double precision)
from due, verifications v
where w.verification_id = due.verification_id and v.id = due.verification_id
returning v.id, w.attempts,
	w.started_at is null,
	w.read_signalled_at is null and v.state <> 'reading',
	v.state in ('approved', 'rejected', 'failed') and w.signalled_state is distinct from v.state,
	v.state,
	v.state in ('approved', 'rejected') or (v.state = 'failed' and v.error_code is distinct from 'delivery_failed'),
	json_build_object('verification', v.id, 'tenant', v.tenant, 'documents',
		(select json_agg(vd.document_id order by vd.position) from verification_documents vd
		 where vd.verification_id = v.id)),
	json_build_object('verification', v.id, 'state', v.state, 'score', v.score),
	json_build_object('verification', v.id, 'state', v.state, 'decision', v.decision, 'error', v.error_code)
