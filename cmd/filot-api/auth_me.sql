-- The user $1 and the session $2; no row: the user is gone, or was disabled, or the session ended.
select users.id, users.email, users.name, users.tenant, users.role
from users
join sessions on sessions.user_id = users.id and sessions.id = $2
where users.id = $1 and users.disabled_at is null and sessions.revoked_at is null
