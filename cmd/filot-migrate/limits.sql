-- $1 lock timeout in ms, $2 statement timeout in ms, $3 for this transaction only. A server that knows how (from 14 on)
-- ends a statement whose client was killed within a second, or the next run would wait for its locks to the end.
select set_config('lock_timeout', $1::text, $3::boolean), set_config('statement_timeout', $2::text, $3::boolean),
       (select set_config(name, '1000', $3::boolean) from pg_settings where name = 'client_connection_check_interval')
