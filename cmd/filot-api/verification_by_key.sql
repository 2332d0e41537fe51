-- The verification that an idempotency key made. $1 owner (null: a service), $2 key. Its id and its request's SHA-256.
select id, request_sha256 from verifications
where owner_id is not distinct from $1::text and idempotency_key = $2::text
