-- An upload that may be complete. $1 document, $2 owner (null: any). Columns: uri, bytes and sha256 as announced (or null),
-- whether it is stored.
select uri, size_bytes, sha256, stored_at is not null
from documents
where id = $1::text and deleted_at is null and ($2::text is null or owner_id = $2::text)
