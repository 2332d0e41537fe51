-- An upload failed. $1 document, $2 uri. The document goes, so that its idempotency key can be used again; what may be in
-- storage is removed from now on.
with gone as (
	delete from documents where id = $1::text and uri = $2::text and stored_at is null and deleted_at is null
)
update loose_objects set expires_at = now() where uri = $2::text and not claimed
