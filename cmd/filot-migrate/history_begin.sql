-- $1 version, $2 name, $3 checksum, $4 state, $5 who. A row that is there may only be a dirty one that goes on.
insert into schema_migrations as migration (version, name, checksum, state, by)
values ($1::bigint, $2::text, $3::text, $4::text, current_user || ' from ' || $5::text)
on conflict (version) do update
set name = excluded.name, checksum = excluded.checksum, state = excluded.state, by = excluded.by, error = null,
    applied_at = clock_timestamp()
where migration.state = 'dirty'
returning 1
