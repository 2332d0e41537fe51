-- $1 version, $2 statements done so far
update schema_migrations set statements_done = $2::integer where version = $1::bigint
