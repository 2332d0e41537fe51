-- What is in the queue. Finished entries are deleted, so a stream's length less what is pending is what waits; handed
-- back entries wait, too. A stream without its group is waiting as a whole.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7-9 their turns, 10 delayed, 11 dead, 12 workers. ARGV: 1 ms within which a worker must have been seen
-- Returns {ready high, normal, low, in flight, delayed, dead, workers, ms the oldest has waited (0: none)}
--#include queue_group.lua
local group, held = 'workers', 'handed-back'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ready, in_flight, oldest = {}, 0, now

-- A member begins with the time when the job came.
local function waits_since(member)
	oldest = math.min(oldest, tonumber(string.match(member or '', '^%d+')) or now)
end

local function entry_waits(entry)
	waits_since(entry and entry[2][2])
end

for number = 1, 3 do
	local key = KEYS[number]
	local pending, handed_back, after = 0, 0, '-'
	local summary = redis.pcall('XPENDING', key, group)
	if not summary.err then
		pending = summary[1]
		for _, row in ipairs(summary[4] or {}) do
			if row[1] == held then
				handed_back = tonumber(row[2])
				local id = redis.call('XPENDING', key, group, '-', '+', 1, held)[1][1]
				entry_waits(redis.call('XRANGE', key, id, id)[1])
			end
		end
		after = '(' .. group_of(key)['last-delivered-id']
	end
	entry_waits(redis.call('XRANGE', key, after, '+', 'COUNT', 1)[1])
	local next_tenant = redis.call('LINDEX', KEYS[6 + number], 0)
	waits_since(next_tenant and redis.call('LINDEX', KEYS[3 + number] .. '/' .. next_tenant, 0))
	ready[number] = math.max(0, redis.call('XLEN', key) - pending) + handed_back
		+ tonumber(redis.call('GET', KEYS[3 + number]) or 0)
	in_flight = in_flight + pending - handed_back
end

local workers = 0
for _, row in ipairs(redis.call('HVALS', KEYS[12])) do
	if now - (tonumber(string.match(row, '^(%d+) ')) or 0) <= tonumber(ARGV[1]) then
		workers = workers + 1
	end
end
return { ready[1], ready[2], ready[3], in_flight, redis.call('ZCARD', KEYS[10]), redis.call('XLEN', KEYS[11]), workers,
	now - oldest }
