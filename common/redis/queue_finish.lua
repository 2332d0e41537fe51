-- Finishes many claims of one worker at once, each as queue_end.lua does: only what is still this worker's, by the count of
-- deliveries.
--
-- KEYS: 1-3 streams by priority, 4 events
-- ARGV: 1 consumer, 2 most events kept, then four for each claim: stream 1-3, entry, deliveries, event line or ''
-- Returns 1 (finished), or 0 (not ours any more, nothing was changed) for each.
local group, consumer = 'workers', ARGV[1]
local claims = { 0, 0, 0 }
local known, ended, answers = { {}, {}, {} }, { {}, {}, {} }, {}
for at = 3, #ARGV, 4 do
	local number = tonumber(ARGV[at])
	claims[number] = claims[number] + 1
end
-- A worker mostly finishes what it has held longest: one look at as many of its oldest claims saves one at each.
for number = 1, 3 do
	if claims[number] > 0 then
		for _, item in ipairs(redis.call('XPENDING', KEYS[number], group, '-', '+', claims[number], consumer)) do
			known[number][item[1]] = item[4]
		end
	end
end

local function deliveries(number, entry)
	local count = known[number][entry]
	known[number][entry] = false -- the same claim given twice ends once
	if count == nil then
		local pending = redis.call('XPENDING', KEYS[number], group, entry, entry, 1, consumer)
		count = pending[1] and pending[1][4]
	end
	return count
end

for at = 3, #ARGV, 4 do
	local number, entry = tonumber(ARGV[at]), ARGV[at + 1]
	local ours = deliveries(number, entry) == tonumber(ARGV[at + 2])
	if ours then
		local list = ended[number]
		list[#list + 1] = entry
		if ARGV[at + 3] ~= '' then
			redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[2], '*', 'line', ARGV[at + 3])
		end
	end
	answers[#answers + 1] = ours and 1 or 0
end
for number = 1, 3 do
	if ended[number][1] then
		redis.call('XACK', KEYS[number], group, unpack(ended[number]))
		redis.call('XDEL', KEYS[number], unpack(ended[number]))
	end
end
return answers
