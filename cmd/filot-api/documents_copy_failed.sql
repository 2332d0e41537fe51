-- A copy is not wanted. $1 its uri.
update loose_objects set expires_at = now() where uri = $1::text and not claimed
