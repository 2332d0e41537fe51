-- $1 version, $2 ms
update schema_migrations
set state = 'applied', error = null, applied_at = clock_timestamp(), ms = ms + $2::bigint
where version = $1::bigint
