-- A verification that cannot be evaluated. $1 verification, $2 code, $3 message.
update verifications set state = 'failed', error_code = $2::text, error_message = $3::text, updated_at = now()
where id = $1::text and state = 'reading'
