-- Puts a minute's sample first unless it, or a later one, is there; keeps the newest; gives them all.
--
-- KEYS: 1 list. ARGV: 1 minute, 2 sample (begins with its minute), 3 how many are kept
local newest = redis.call('LINDEX', KEYS[1], 0)
if not newest or tonumber(string.match(newest, '^%d+') or '0') < tonumber(ARGV[1]) then
	redis.call('LPUSH', KEYS[1], ARGV[2])
	redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[3]) - 1)
	redis.call('EXPIRE', KEYS[1], 86400)
end
return redis.call('LRANGE', KEYS[1], 0, -1)
