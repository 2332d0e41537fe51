-- $1 lock timeout in ms, $2 statement timeout in ms, $3 for this transaction only
select set_config('lock_timeout', $1::text, $3::boolean), set_config('statement_timeout', $2::text, $3::boolean)
