-- Pages of a user's documents that a query finds, best first. $1 owner (null: all), $2 the query as people type it,
-- $3 rank, $4 document, $5 page of the last hit of the page before (null: from the start), $6 how many.
-- Columns: rank, document, page, JSON of the hit. Snippets have the found words in <mark>, and everything else escaped: the
-- marks are set as control characters, which are taken out of the text before.
with query as (
	select websearch_to_tsquery('simple', $2::text) as words
),
hit as (
	select d.id, d.name, p.number, p.text, ts_rank(p.search, query.words) as rank, query.words
	from query, documents d
	join ocr_pages p on p.job_id = d.latest_job_id
	where d.deleted_at is null and ($1::text is null or d.owner_id = $1::text) and p.search @@ query.words
),
page as (
	select * from hit
	where $3::real is null or (rank, id, number) < ($3::real, $4::text, $5::integer)
	order by rank desc, id desc, number desc
	limit $6::integer
),
marked as (
	select page.*, ts_headline('simple', translate(left(text, 65536), E'\x01\x02', ''), words,
		E'StartSel="\x01", StopSel="\x02", MaxFragments=3, MaxWords=20, MinWords=5, FragmentDelimiter=" … "') as snippet
	from page
)
select rank, id, number, json_build_object('document', id, 'name', name, 'page', number, 'rank', rank, 'snippet',
	replace(replace(replace(replace(replace(replace(replace(snippet, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'),
	        '"', '&quot;'), '''', '&#39;'), E'\x01', '<mark>'), E'\x02', '</mark>'))
from marked
order by rank desc, id desc, number desc
