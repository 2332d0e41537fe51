-- A verification as JSON. $1 its id, $2 who asks (null: a service, which sees all), $3 true: a reviewer or an administrator,
-- who sees those of the own tenant, $4 that tenant (null: those without one).
select json_strip_nulls(json_build_object(
	'id', v.id,
	'state', v.state,
	'claimed', v.claimed,
	'documents', (select json_agg(json_strip_nulls(json_build_object(
		'document', d.id,
		'role', vd.role,
		'state', case
			when d.deleted_at is not null then 'deleted'
			when d.latest_job_id is not null then 'done'
			when d.stored_at is null then 'uploading'
			else coalesce((select j.state from jobs j where j.document_id = d.id order by j.enqueued_at desc limit 1),
			              'queued')
		end)) order by vd.position)
		from verification_documents vd join documents d on d.id = vd.document_id
		where vd.verification_id = v.id),
	'score', v.score,
	'decision', v.decision,
	'error', case when v.error_code is not null
	              then json_build_object('code', v.error_code, 'message', v.error_message) end,
	'created_at', to_char(v.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
	'updated_at', to_char(v.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
	'decided_at', to_char(v.decided_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))),
	v.checks -- apart, because its nulls have a meaning
from verifications v
where v.id = $1::text
  and ($2::text is null or v.owner_id = $2::text or ($3::boolean and v.tenant is not distinct from $4::text))
