-- All that an operator wants to see of a queue, in one call that looks at no job: lengths, summaries, the first entries,
-- the newest events. Changes nothing.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7 delayed, 8 dead, 9 workers, 10 events
-- ARGV: 1 ms of the window in which finished jobs are counted, 2 most events to look at
-- Returns {now, for each priority {waiting, in flight, ms the oldest has waited or -1}, {delayed, overdue, next due or -1},
-- {dead, ms since the oldest died or -1}, {finished, ms in which}, workers}; a worker is {name, ms since it was seen or
-- -1, claims it holds, its JSON}.
local group, held = 'workers', 'handed-back'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claims = {}

local function since(entry)
	local ms = tonumber(string.match(entry or '', '^%d+'))
	return ms and math.max(0, now - ms) or -1
end

-- What came by way of the backlog says itself since when it waits.
local function entry_since(entry)
	local waits = entry and entry[1]
	for at = 1, entry and #entry[2] or 0, 2 do
		waits = entry[2][at] == 'since' and entry[2][at + 1] or waits
	end
	return since(waits)
end

-- Finished entries are deleted, so what is not pending waits; what was handed back waits, too.
local function stream(number)
	local key, backlog = KEYS[number], KEYS[3 + number]
	local pending, handed_back, after, oldest = 0, 0, '-', -1
	local summary = redis.pcall('XPENDING', key, group)
	if not summary.err then
		pending = summary[1]
		for _, row in ipairs(summary[4] or {}) do
			if row[1] == held then
				handed_back = tonumber(row[2])
				local id = redis.call('XPENDING', key, group, '-', '+', 1, held)[1][1]
				oldest = entry_since(redis.call('XRANGE', key, id, id)[1])
			else
				claims[row[1]] = (claims[row[1]] or 0) + tonumber(row[2])
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
	oldest = math.max(oldest, entry_since(redis.call('XRANGE', key, after, '+', 'COUNT', 1)[1]),
		since(redis.call('ZRANGE', backlog, 0, 0)[1]))
	local waiting = math.max(0, redis.call('XLEN', key) - pending) + redis.call('ZCARD', backlog)
	return { waiting + handed_back, pending - handed_back, oldest }
end

local function delayed(key)
	local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
	return { redis.call('ZCARD', key), redis.call('ZCOUNT', key, '-inf', now), first[2] and tonumber(first[2]) or -1 }
end

-- Of very many events the newest are counted, over the time that they took.
local function finished(key, window, most)
	local events = redis.call('XREVRANGE', key, '+', string.format('%.0f', now - window), 'COUNT', most)
	if #events == most then
		window = math.max(1, since(events[most][1]))
	end
	return { #events, window }
end

local streams = { stream(1), stream(2), stream(3) }
local workers = {}
local rows = redis.call('HGETALL', KEYS[9])
for at = 1, #rows, 2 do
	local seen, json = string.match(rows[at + 1], '^(%d+) (.*)$')
	workers[#workers + 1] = { rows[at], seen and math.max(0, now - tonumber(seen)) or -1, claims[rows[at]] or 0, json or '' }
	claims[rows[at]] = nil
end
for name, count in pairs(claims) do
	workers[#workers + 1] = { name, -1, count, '' }
end
local first_dead = redis.call('XRANGE', KEYS[8], '-', '+', 'COUNT', 1)[1]
return { now, streams[1], streams[2], streams[3], delayed(KEYS[7]),
	{ redis.call('XLEN', KEYS[8]), since(first_dead and first_dead[1]) },
	finished(KEYS[10], tonumber(ARGV[1]), tonumber(ARGV[2])), workers }
