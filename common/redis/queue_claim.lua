-- Gives a worker its next jobs: due retries are put back in their streams, then come entries that were handed back, then
-- those whose worker stopped renewing, then new ones in the order of priority that the worker asks for.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7-9 their turns, 10 delayed, 11 cancel, 12 mark of the last sweep,
--       13 takeovers
-- ARGV: 1 consumer, 2 most, 3 visibility ms, 4 order of the streams, such as "123", 5 ms between sweeps
-- Returns ms until the next retry is due (-1: none), how many claims have changed hands since ever, what was taken over
-- as {stream, entry, deliveries, owner before, member} each, and then by twos a stream and its new ones, {entry, member,
-- entry, member, …}: tables in tables would take Redis longer to give than to find.
--#include queue_group.lua
--#include queue_window.lua
local consumer, most, visibility = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local group, held = 'workers', 'handed-back'
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local cancelled = call('SCARD', KEYS[11]) > 0
local taken, answer, found = {}, {}, 0

-- Whether it was to be dropped, and is.
local function dropped(number, entry)
	local job = cancelled and string.match(entry[2][2], '^%d+ (%S*) ')
	if not job or call('SREM', KEYS[11], job) == 0 then
		return false
	end
	call('XACK', KEYS[number], group, entry[1])
	call('XDEL', KEYS[number], entry[1])
	return true
end

-- Claims what XPENDING listed. Claiming counts a delivery; an entry that was deleted meanwhile is not given.
local function take_over(number, pending)
	for _, item in ipairs(pending) do
		call('INCR', KEYS[13])
		local entry = call('XCLAIM', KEYS[number], group, consumer, 0, item[1])[1]
		if entry and not dropped(number, entry) then
			found = found + 1
			taken[found] = { number, entry[1], item[4] + 1, item[2], entry[2][2] }
		end
	end
end

-- A member of the delayed set is "STREAM JOB TENANT LINE". A bounded number, so that no claim takes long.
local due = call('ZRANGEBYSCORE', KEYS[10], '-inf', now, 'LIMIT', 0, 100)
for _, member in ipairs(due) do
	local number, tenant = string.match(member, '^([123]) %S* (%S*) ')
	reach(number or 2, tenant or '')
end
for _, member in ipairs(due) do
	local number, job = string.match(member, '^([123])( %S* %S* .*)$')
	put(tonumber(number or 2), string.format('%.0f', now) .. (job or '   ' .. member))
end
put_end()
if due[1] then
	call('ZREM', KEYS[10], unpack(due))
end

local order = {}
for digit in string.gmatch(ARGV[4], '[123]') do
	order[#order + 1] = tonumber(digit)
end

for _, number in ipairs(order) do
	if found < most then
		take_over(number, call('XPENDING', KEYS[number], group, '-', '+', most - found, held))
	end
end

-- Looking for expired claims walks over all that are pending, so all workers together do it only now and then.
if found < most and call('SET', KEYS[12], consumer, 'NX', 'PX', ARGV[5]) then
	for _, number in ipairs(order) do
		local room = most - found
		if room > 0 then
			local expired = call('XPENDING', KEYS[number], group, 'IDLE', visibility, '-', '+', room)
			take_over(number, expired)
			if #expired == room then
				call('DEL', KEYS[12]) -- there may be more: the next claim looks again
			end
		end
	end
end

-- Whether the stream had as many as there is room for.
local function read(number)
	local room = most - found
	local got = call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', room, 'STREAMS', KEYS[number], '>')
	local entries = got and got[1][2] or {}
	local flat = {}
	for _, entry in ipairs(entries) do
		if not dropped(number, entry) then
			flat[#flat + 1] = entry[1]
			flat[#flat + 1] = entry[2][2]
		end
	end
	if #flat > 0 then
		found = found + #flat / 2
		answer[#answer + 1] = number
		answer[#answer + 1] = flat
	end
	return #entries == room
end

-- A stream that had too few gets its next ones. A bounded number of times, for all of them may have been cancelled.
for _, number in ipairs(order) do
	local reads = 0
	while found < most and reads < 10 do
		reads = reads + 1
		if not read(number) and not refill(number) then
			break
		end
	end
end

local next_due = -1
local first = call('ZRANGE', KEYS[10], 0, 0, 'WITHSCORES')
if first[2] then
	next_due = math.max(0, tonumber(first[2]) - now)
end
return { next_due, call('GET', KEYS[13]) or '0', taken, unpack(answer) }
