-- Adds what one process counted to the totals of all, once: a call that is made again under its number only says that the
-- process lives.
--
-- KEYS: 1 totals, 2 rows of processes
-- ARGV: 1 process, 2 number of this call, 3 command, 4 its gauges, 5 ms after which the rows of others are removed (0: none
-- are looked at), then cell, amount, …
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = redis.call('HGET', KEYS[2], ARGV[1])
local last = row and tonumber(string.match(row, '^%d+ (%d+) ')) or 0
if tonumber(ARGV[2]) > last then
	for at = 6, #ARGV, 2 do
		redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1])
	end
end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f %s %s\n%s', now, ARGV[2], ARGV[3], ARGV[4]))
if tonumber(ARGV[5]) > 0 then
	local rows = redis.call('HGETALL', KEYS[2])
	for at = 1, #rows, 2 do
		local seen = tonumber(string.match(rows[at + 1], '^(%d+) '))
		if not seen or now - seen > tonumber(ARGV[5]) then
			redis.call('HDEL', KEYS[2], rows[at])
		end
	end
end
return 'OK'
