-- Spends a refresh token and gives the next, or ends the session when it was spent before: $1 and $2 its hash under the
-- current and the previous secret, $3 the next one's hash, $4 seconds.
-- The rows are locked first, so of two that come with one token at the same time the second sees it spent. A statement
-- that is sent again after a lost answer finds its own $3 and is no reuse. Spent ones are remembered as long as an unused
-- one would live.
with presented as (
	select token.sha256, token.session_id, token.used_at, token.replaced_by, session.revoked_at, session.expires_at,
		users.id as user_id, users.email, users.name, users.tenant, users.role, users.disabled_at
	from refresh_tokens token
	join sessions session on session.id = token.session_id
	join users on users.id = session.user_id
	where token.sha256 in (nullif($1, '')::bytea, nullif($2, '')::bytea)
	for update of token, session
), verdict as (
	select *,
		case
			when disabled_at is not null then 'disabled'
			when revoked_at is not null then 'revoked'
			when expires_at <= now() then 'expired'
			when replaced_by = $3::bytea then 'again'
			when used_at is not null then 'reuse'
			else 'good'
		end as outcome
	from presented
), spent as (
	update refresh_tokens
	set used_at = now(), replaced_by = $3::bytea
	from verdict
	where refresh_tokens.sha256 = verdict.sha256 and verdict.outcome = 'good'
	returning refresh_tokens.session_id
), next as (
	insert into refresh_tokens (sha256, session_id)
	select $3::bytea, session_id
	from spent
), forgotten as (
	delete from refresh_tokens
	using spent
	where refresh_tokens.session_id = spent.session_id
		and refresh_tokens.used_at < now() - make_interval(secs => $4::double precision)
), kept as (
	update sessions
	set last_used_at = now(), expires_at = now() + make_interval(secs => $4::double precision)
	from verdict
	where sessions.id = verdict.session_id and verdict.outcome = 'good'
), ended as (
	update sessions
	set revoked_at = now(), revoked_because = 'reuse'
	from verdict
	where sessions.id = verdict.session_id and verdict.outcome = 'reuse'
)
select outcome, session_id, user_id, email, name, tenant, role
from verdict
