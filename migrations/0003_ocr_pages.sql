-- What was read.

-- The search index covers the first 65,536 characters of a page: a tsvector ends at 1 MiB, and no text of that length
-- makes more, whatever it holds. 'simple' because a document's language is often unknown and names must not be stemmed.
create table ocr_pages (
	job_id text not null references jobs on delete cascade,
	number integer not null check (number >= 1),
	document_id text not null references documents on delete cascade,
	width_px integer not null check (width_px >= 0),
	height_px integer not null check (height_px >= 0),
	dpi integer not null check (dpi >= 0),
	rotation smallint not null default 0 check (rotation in (0, 90, 180, 270)),
	confidence real not null check (confidence between 0 and 100),
	text text not null,
	layout jsonb not null check (jsonb_typeof(layout) = 'object'),
	search tsvector generated always as (to_tsvector('simple'::regconfig, left(text, 65536))) stored,
	created_at timestamptz not null default now(),
	primary key (job_id, number)
);
create index ocr_pages_document on ocr_pages (document_id, number);
create index ocr_pages_search on ocr_pages using gin (search);
comment on table ocr_pages is 'One row a page a job: the page object of the result line, its scalar members as columns.';
comment on column ocr_pages.layout is 'The rest of the page object: lines with their words, boxes in pixels of the page as given, and blocks.';
