-- Ends the session $2 of the user $1; all of the user's sessions when $3.
update sessions
set revoked_at = now(), revoked_because = 'logout'
where user_id = $1 and revoked_at is null and (id = $2 or $3::boolean)
