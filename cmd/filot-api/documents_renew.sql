-- An upload goes on. $1 uri, $2 seconds until it expires. Answers a row when it is still ours.
update loose_objects set expires_at = now() + make_interval(secs => $2::integer)
where uri = $1::text and not claimed
returning uri
