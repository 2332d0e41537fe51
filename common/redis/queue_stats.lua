-- What is in the queue. Finished entries are deleted, so a stream's length less what is pending is what waits; handed
-- back entries wait, too. A stream without its group is waiting as a whole.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7 delayed, 8 dead, 9 workers. ARGV: 1 ms within which a worker must have been seen
-- Returns {ready high, normal, low, in flight, delayed, dead, workers, ms the oldest has waited (0: none)}
local group, held = 'workers', 'handed-back'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ready, in_flight, oldest = {}, 0, now

-- An id, or a member of the backlog, begins with the time when the job came.
local function waits_since(text)
	oldest = math.min(oldest, tonumber(string.match(text or '', '^%d+')) or now)
end

-- What came by way of the backlog says so itself.
local function entry_waits(entry)
	local since = entry and entry[1]
	for at = 1, entry and #entry[2] or 0, 2 do
		since = entry[2][at] == 'since' and entry[2][at + 1] or since
	end
	waits_since(since)
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
		for _, info in ipairs(redis.call('XINFO', 'GROUPS', key)) do
			local fields = {}
			for at = 1, #info, 2 do
				fields[info[at]] = info[at + 1]
			end
			if fields.name == group then
				after = '(' .. fields['last-delivered-id']
			end
		end
	end
	entry_waits(redis.call('XRANGE', key, after, '+', 'COUNT', 1)[1])
	waits_since(redis.call('ZRANGE', KEYS[3 + number], 0, 0)[1])
	ready[number] = math.max(0, redis.call('XLEN', key) - pending) + handed_back + redis.call('ZCARD', KEYS[3 + number])
	in_flight = in_flight + pending - handed_back
end

local workers = 0
for _, row in ipairs(redis.call('HVALS', KEYS[9])) do
	if now - (tonumber(string.match(row, '^(%d+) ')) or 0) <= tonumber(ARGV[1]) then
		workers = workers + 1
	end
end
return { ready[1], ready[2], ready[3], in_flight, redis.call('ZCARD', KEYS[7]), redis.call('XLEN', KEYS[8]), workers,
	now - oldest }
