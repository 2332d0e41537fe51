-- Finishes claims of one worker, many at once: only what is still this worker's, by the count of deliveries.
--
-- KEYS: 1-3 streams by priority, 4 events, 5 takeovers
-- ARGV: 1 consumer, 2 most events kept, 3 how many claims had changed hands when the first of these was made, 4 a digit
--       1-3 for each claim: its stream, 5 their deliveries with a blank behind each, then their entries, then, if there is
--       any, their event lines, '' for none
-- Returns a digit for each claim: 1 (finished), or 0 (not ours any more, nothing was changed).
--#include queue_group.lua
local call, group, consumer, count = redis.call, 'workers', ARGV[1], #ARGV[4]
local ended, places, answers = { {}, {}, {} }, { {}, {}, {} }, {}

-- Where no claim has changed hands since, all are still ours.
local function owned()
	if (call('GET', KEYS[5]) or '0') == ARGV[3] then
		return nil
	end
	local ours, index = {}, 0
	for deliveries in string.gmatch(ARGV[5], '%d+') do
		index = index + 1
		local key, entry = KEYS[string.byte(ARGV[4], index) - 48], ARGV[5 + index]
		local pending = call('XPENDING', key, group, entry, entry, 1, consumer)[1]
		ours[index] = pending and pending[4] == tonumber(deliveries)
	end
	return ours
end

-- What lies before the oldest claim, or was given to anyone where there is none, has been finished: so most are deleted by
-- cutting there, once, where deleting each by its id would walk over its neighbours each time.
local function delete(key, entries)
	if #entries == 1 then
		return call('XDEL', key, entries[1])
	end
	local oldest = call('XPENDING', key, group, '-', '+', 1)[1]
	if oldest then
		oldest = oldest[1]
	else
		oldest = string.gsub(group_of(key)['last-delivered-id'], '%d+$', function(last)
			return string.format('%.0f', last + 1)
		end)
	end
	if call('XTRIM', key, 'MINID', oldest) ~= #entries then
		call('XDEL', key, unpack(entries))
	end
end

local function tell(event)
	if event and event ~= '' then
		call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[2], '*', 'line', event)
	end
end

local ours = owned()
for index = 1, count do
	answers[index] = '0'
	if not ours or ours[index] then
		local number = string.byte(ARGV[4], index) - 48
		local entries, indexes = ended[number], places[number]
		entries[#entries + 1] = ARGV[5 + index]
		indexes[#indexes + 1] = index
	end
end
for number = 1, 3 do
	local entries = ended[number]
	-- A second run, after a lost answer, finds nothing to acknowledge: the first has done it and told of it.
	if entries[1] and call('XACK', KEYS[number], group, unpack(entries)) > 0 then
		delete(KEYS[number], entries)
		for _, index in ipairs(places[number]) do
			answers[index] = '1'
			tell(ARGV[5 + count + index])
		end
	end
end
return table.concat(answers)
