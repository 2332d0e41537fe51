select version, name, checksum, state, statements_done, coalesce(error, ''), ms, by,
       to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
from schema_migrations
order by version
