-- An object could not be removed. $1 uri, $2 why. The next try comes after a pause that doubles, up to an hour.
update loose_objects
set last_error = $2::text, expires_at = now() + make_interval(secs => least(3600, 5 * 2 ^ least(attempts, 10)))
where uri = $1::text and claimed
