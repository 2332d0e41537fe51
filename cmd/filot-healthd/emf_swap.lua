-- Gives the totals that were told last and puts these in their place, so that what is told is told once.
--
-- KEYS: 1 hash. ARGV: name, total, … Returns the old totals in this order; none when there were none.
local names, old = {}, {}
for at = 1, #ARGV, 2 do
	names[#names + 1] = ARGV[at]
end
if redis.call('EXISTS', KEYS[1]) == 1 then
	old = redis.call('HMGET', KEYS[1], unpack(names))
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return old
