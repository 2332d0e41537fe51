-- Verifications whose documents have all been read, or never will be: their last job failed, they were deleted, or their
-- upload was never completed. $1 most.
select v.id from verifications v
where v.state = 'reading'
  and not exists (
	select from verification_documents vd join documents d on d.id = vd.document_id
	where vd.verification_id = v.id and d.latest_job_id is null and d.deleted_at is null
	  and case
		when d.stored_at is null then d.created_at > now() - interval '1 day'
		else not exists (select from jobs j where j.document_id = d.id)
		     or exists (select from jobs j where j.document_id = d.id and j.state in ('queued', 'running', 'retrying'))
	  end)
order by v.updated_at
limit $1::integer
