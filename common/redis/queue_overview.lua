-- All that an operator wants to see of a queue, in one call that looks at no job: lengths, summaries, the first entries,
-- the newest events. Changes nothing.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7-9 their turns, 10 delayed, 11 dead, 12 workers, 13 events
-- ARGV: 1 ms of the window in which finished jobs are counted, 2 most events to look at
-- Returns {now, for each priority {waiting, in flight, ms the oldest has waited or -1}, {delayed, overdue, next due or -1},
-- {dead, ms since the oldest died or -1}, {finished, ms in which}, workers}; a worker is {name, ms since it was seen or
-- -1, claims it holds, its JSON}.
--#include queue_group.lua
local group, held = 'workers', 'handed-back'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claims = {}

local function since(entry)
	local ms = tonumber(string.match(entry or '', '^%d+'))
	return ms and math.max(0, now - ms) or -1
end

-- An entry's only field begins with the time when the job came.
local function entry_since(entry)
	return since(entry and entry[2][2])
end

-- Finished entries are deleted, so what is not pending waits; what was handed back waits, too.
local function stream(number)
	local key, backlog, next_tenant = KEYS[number], KEYS[3 + number], redis.call('LINDEX', KEYS[6 + number], 0)
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
		after = '(' .. group_of(key)['last-delivered-id']
	end
	oldest = math.max(oldest, entry_since(redis.call('XRANGE', key, after, '+', 'COUNT', 1)[1]),
		since(next_tenant and redis.call('LINDEX', backlog .. '/' .. next_tenant, 0)))
	local waiting = math.max(0, redis.call('XLEN', key) - pending) + tonumber(redis.call('GET', backlog) or 0)
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
local rows = redis.call('HGETALL', KEYS[12])
for at = 1, #rows, 2 do
	local seen, json = string.match(rows[at + 1], '^(%d+) (.*)$')
	workers[#workers + 1] = { rows[at], seen and math.max(0, now - tonumber(seen)) or -1, claims[rows[at]] or 0, json or '' }
	claims[rows[at]] = nil
end
for name, count in pairs(claims) do
	workers[#workers + 1] = { name, -1, count, '' }
end
local first_dead = redis.call('XRANGE', KEYS[11], '-', '+', 'COUNT', 1)[1]
return { now, streams[1], streams[2], streams[3], delayed(KEYS[10]),
	{ redis.call('XLEN', KEYS[11]), since(first_dead and first_dead[1]) },
	finished(KEYS[13], tonumber(ARGV[1]), tonumber(ARGV[2])), workers }
