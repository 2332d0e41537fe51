-- An object is no more. $1 uri. A document whose upload never was complete goes with it.
with removed as (
	delete from loose_objects where uri = $1::text and claimed returning uri, document_id
)
delete from documents using removed
where documents.id = removed.document_id and documents.uri = removed.uri and stored_at is null
