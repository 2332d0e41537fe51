-- Makes the group in the streams, and forgets workers that were not seen for long and hold nothing.
--
-- KEYS: 1-3 streams by priority, 4 workers. ARGV: 1 ms after which a worker is forgotten
local group = 'workers'
for number = 1, 3 do
	local made = redis.pcall('XGROUP', 'CREATE', KEYS[number], group, '0', 'MKSTREAM')
	if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
		return made
	end
end
local time = redis.call('TIME')
local oldest = time[1] * 1000 - ARGV[1]
local rows = redis.call('HGETALL', KEYS[4])
for at = 1, #rows, 2 do
	local worker, seen = rows[at], tonumber(string.match(rows[at + 1], '^(%d+) ')) or 0
	local holds = seen >= oldest
	for number = 1, 3 do
		holds = holds or #redis.call('XPENDING', KEYS[number], group, '-', '+', 1, worker) > 0
	end
	if not holds then
		for number = 1, 3 do
			redis.call('XGROUP', 'DELCONSUMER', KEYS[number], group, worker)
		end
		redis.call('HDEL', KEYS[4], worker)
	end
end
return 'OK'
