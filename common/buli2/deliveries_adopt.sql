-- A request that came as a line, not by its row, is recorded like the others where its verification is known.
-- $1 delivery, $2 verification, $3 key, $4 payload
insert into deliveries (id, verification_id, idempotency_key, payload)
select $1::text, $2::text, $3::text, $4::jsonb
where exists (select from verifications where id = $2::text)
on conflict do nothing
