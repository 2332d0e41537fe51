-- $1 version, $2 why, $3 ms
update schema_migrations set error = $2::text, ms = ms + $3::bigint where version = $1::bigint
