-- Keeps claims fresh. A claim is still this worker's when the entry is pending to it with the same count of deliveries:
-- the count tells a claim from a later one by the same worker.
--
-- KEYS: 1-3 streams by priority. ARGV: 1 consumer, then three for each claim: stream 1-3, entry, deliveries
-- Returns 1 (still ours) or 0 (lost) for each.
local group, consumer = 'workers', ARGV[1]
local kept = {}
for at = 2, #ARGV, 3 do
	local key, entry = KEYS[tonumber(ARGV[at])], ARGV[at + 1]
	local pending = redis.call('XPENDING', key, group, entry, entry, 1, consumer)
	local ours = pending[1] and pending[1][4] == tonumber(ARGV[at + 2])
	-- JUSTID: no delivery is counted. An entry that was deleted is given up here by Redis.
	if ours then
		ours = #redis.call('XCLAIM', key, group, consumer, 0, entry, 'JUSTID') == 1
	end
	kept[#kept + 1] = ours and 1 or 0
end
return kept
