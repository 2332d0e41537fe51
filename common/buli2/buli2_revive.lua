-- A dead request is ready again, unless somebody else was faster.
-- KEYS: 1 requests, 2 dead. ARGV: 1 entry of the dead stream, 2 the line with its tries begun anew. Returns 0 or 1.
if redis.call('XDEL', KEYS[2], ARGV[1]) == 0 then
	return 0
end
redis.call('XADD', KEYS[1], '*', 'line', ARGV[2])
return 1
