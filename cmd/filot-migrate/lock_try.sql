-- 0x66696c6f744d6967 is "filotMig". The lock ends with the transaction, which its idle time must not end.
select set_config('idle_in_transaction_session_timeout', '0', true), pg_try_advisory_xact_lock(7379548690371668327)
