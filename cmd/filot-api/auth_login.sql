-- A session and its first refresh token: $1 session, $2 user, $3 user agent, $4 address, $5 seconds, $6 hash of the token,
-- $7 the password's new hash where the old one was made with other parameters. The user's sessions that ended long ago go.
with forgotten as (
	delete from sessions
	where user_id = $2 and expires_at < now() - interval '30 days'
), login as (
	update users
	set last_login_at = now(), password_hash = coalesce($7, password_hash)
	where id = $2 and disabled_at is null
	returning id
), session as (
	insert into sessions (id, user_id, user_agent, address, expires_at)
	select $1, id, left($3, 512), nullif($4, '')::inet, now() + make_interval(secs => $5::double precision)
	from login
	on conflict (id) do nothing
	returning id
)
insert into refresh_tokens (sha256, session_id)
select $6::bytea, id
from session
