-- What is claimed, how many documents there are, and how many of them were read. $1 verification.
select v.claimed, count(vd.document_id), count(d.latest_job_id) filter (where d.deleted_at is null)
from verifications v
left join verification_documents vd on vd.verification_id = v.id
left join documents d on d.id = vd.document_id
where v.id = $1::text
group by v.id
