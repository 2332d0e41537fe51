-- Takes objects that are to be removed, for $1 seconds; from then on no upload can be completed with them. $2 how many.
-- Columns: uri.
update loose_objects
set claimed = true, expires_at = now() + make_interval(secs => $1::integer), attempts = attempts + 1
where uri in (
	select uri from loose_objects where expires_at <= now() order by expires_at limit $2::integer for update skip locked
)
returning uri
