-- A verification whose evaluation failed goes behind the others that are due. $1 verification.
update verifications set updated_at = now() where id = $1::text and state = 'reading'
