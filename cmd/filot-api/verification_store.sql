-- A verification is evaluated, and what BULI2 is to get is written with it. $1 verification, $2 checks, $3 score,
-- $4 id of the delivery. Done once, whoever comes first.
with evaluated as (
	update verifications set state = 'evaluated', checks = $2::jsonb, score = $3::real, updated_at = now()
	where id = $1::text and state = 'reading'
	returning id, tenant, claimed, checks, score, created_at
)
insert into deliveries (id, verification_id, idempotency_key, payload)
select $4::text, e.id, 'verification-' || e.id, jsonb_build_object(
	'verification', e.id, 'tenant', e.tenant, 'claimed', e.claimed, 'score', e.score, 'checks', e.checks,
	'created_at', to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
	'documents', (select jsonb_agg(jsonb_build_object('document', d.id, 'role', vd.role, 'sha256', d.sha256,
	                                                  'media_type', d.media_type) order by vd.position)
	              from verification_documents vd join documents d on d.id = vd.document_id
	              where vd.verification_id = e.id))
from evaluated e
on conflict (idempotency_key) do nothing
returning id
