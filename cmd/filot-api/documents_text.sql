-- The text of a document's newest job that is done: pages after $3, at most $4 of them. $1 document, $2 owner (null: any).
select p.number, p.text
from documents d
join ocr_pages p on p.job_id = d.latest_job_id
where d.id = $1::text and d.deleted_at is null and ($2::text is null or d.owner_id = $2::text)
  and p.number > $3::integer
order by p.number
limit $4::integer
