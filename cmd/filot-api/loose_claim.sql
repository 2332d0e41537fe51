-- Takes objects that are to be removed, for $1 seconds; from then on no upload can be completed with them. $2 how many.
-- Columns: uri.
with due as materialized (
	select uri from loose_objects where expires_at <= now() order by expires_at limit $2::integer for update skip locked
)
update loose_objects
set claimed = true, expires_at = now() + make_interval(secs => $1::integer), attempts = attempts + 1
from due
where loose_objects.uri = due.uri
returning loose_objects.uri
