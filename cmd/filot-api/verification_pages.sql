-- The text of a verification's documents, in their order. $1 verification, $2 most pages, $3 most characters of a page.
select p.document_id, p.number, left(p.text, $3::integer)
from verification_documents vd
join documents d on d.id = vd.document_id and d.deleted_at is null
join ocr_pages p on p.job_id = d.latest_job_id
where vd.verification_id = $1::text
order by vd.position, p.number
limit $2::integer
