-- Gives a worker its next jobs: due retries are put back in their streams, then come entries that were handed back, then
-- those whose worker stopped renewing, then new ones in the order of priority that the worker asks for.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7-9 their turns, 10 delayed, 11 cancel, 12 mark of the last sweep
-- ARGV: 1 consumer, 2 most, 3 visibility ms, 4 order of the streams, such as "123", 5 ms between sweeps
-- Returns ms until the next retry is due (-1: none), then for each entry {stream, entry, deliveries, owner before, line}.
--#include queue_window.lua
local consumer, most, visibility = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local group, held = 'workers', 'handed-back'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local cancelled = redis.call('SCARD', KEYS[11]) > 0
local found = {}

local function field(fields, name)
	for at = 1, #fields, 2 do
		if fields[at] == name then
			return fields[at + 1]
		end
	end
	return ''
end

local function take(number, entry, deliveries, owner)
	if cancelled and redis.call('SREM', KEYS[11], field(entry[2], 'job')) == 1 then
		redis.call('XACK', KEYS[number], group, entry[1])
		redis.call('XDEL', KEYS[number], entry[1])
	else
		found[#found + 1] = { number, entry[1], deliveries, owner, field(entry[2], 'line') }
	end
end

-- Claims what XPENDING listed. Claiming counts a delivery; an entry that was deleted meanwhile is not given.
local function take_over(number, pending)
	for _, item in ipairs(pending) do
		local entries = redis.call('XCLAIM', KEYS[number], group, consumer, 0, item[1])
		if entries[1] then
			take(number, entries[1], item[4] + 1, item[2])
		end
	end
end

-- A member of the delayed set is "STREAM JOB TENANT LINE". A bounded number, so that no claim takes long.
local due = redis.call('ZRANGEBYSCORE', KEYS[10], '-inf', now, 'LIMIT', 0, 100)
for _, member in ipairs(due) do
	local number, job, tenant, line = string.match(member, '^([123]) (%S*) (%S*) (.*)$')
	if not number then
		number, job, tenant, line = '2', '', '', member
	end
	put(tonumber(number), job, tenant, line)
	redis.call('ZREM', KEYS[10], member)
end
put_end()

local order = {}
for digit in string.gmatch(ARGV[4], '[123]') do
	order[#order + 1] = tonumber(digit)
end

for _, number in ipairs(order) do
	if #found < most then
		take_over(number, redis.call('XPENDING', KEYS[number], group, '-', '+', most - #found, held))
	end
end

-- Looking for expired claims walks over all that are pending, so all workers together do it only now and then.
if #found < most and redis.call('SET', KEYS[12], consumer, 'NX', 'PX', ARGV[5]) then
	for _, number in ipairs(order) do
		local room = most - #found
		if room > 0 then
			local expired = redis.call('XPENDING', KEYS[number], group, 'IDLE', visibility, '-', '+', room)
			take_over(number, expired)
			if #expired == room then
				redis.call('DEL', KEYS[12]) -- there may be more: the next claim looks again
			end
		end
	end
end

-- Whether the stream had as many as there is room for.
local function read(number)
	local room = most - #found
	local answer = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', room, 'STREAMS', KEYS[number], '>')
	local entries = answer and answer[1][2] or {}
	for _, entry in ipairs(entries) do
		take(number, entry, 1, '')
	end
	return #entries == room
end

-- A stream that had too few gets its next ones. A bounded number of times, for all of them may have been cancelled.
for _, number in ipairs(order) do
	local reads = 0
	while #found < most and reads < 10 do
		reads = reads + 1
		if not read(number) and not refill(number) then
			break
		end
	end
end

local next_due = -1
local first = redis.call('ZRANGE', KEYS[10], 0, 0, 'WITHSCORES')
if first[2] then
	next_due = math.max(0, tonumber(first[2]) - now)
end
table.insert(found, 1, next_due)
return found
