-- An object is about to be copied from an upload of ours. $1 document, $2 the copy's uri, $3 seconds until it expires.
insert into loose_objects (uri, document_id, expires_at)
values ($2::text, $1::text, now() + make_interval(secs => $3::integer))
on conflict do nothing
