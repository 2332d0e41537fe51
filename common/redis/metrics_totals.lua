-- The totals of all processes and the rows of those that live; changes nothing.
--
-- KEYS: 1 totals, 2 rows of processes. ARGV: 1 ms for which a row counts
-- Returns {now, {cell, total, …}, {process, row, …}}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rows, live = redis.call('HGETALL', KEYS[2]), {}
for at = 1, #rows, 2 do
	local seen = tonumber(string.match(rows[at + 1], '^(%d+) '))
	if seen and now - seen <= tonumber(ARGV[1]) then
		live[#live + 1] = rows[at]
		live[#live + 1] = rows[at + 1]
	end
end
return { now, redis.call('HGETALL', KEYS[1]), live }
