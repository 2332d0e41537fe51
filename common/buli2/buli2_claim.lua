-- One request for a sender: one whose sender stopped first, then a new one; nothing while the breaker is open. After the
-- breaker's time one sender alone goes through, the probe; its lease ends by itself when the sender dies.
-- KEYS: 1 requests, 2 breaker. ARGV: 1 sender, 2 visibility ms
-- Returns {entry, line, deliveries, probe 0|1}, or {} when there is nothing to do now.
local sender, visibility = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local opened = tonumber(redis.call('HGET', KEYS[2], 'until') or 0)
if opened > now then
	return {}
end
if opened > 0 then
	local by, probe_until = redis.call('HGET', KEYS[2], 'probe'), tonumber(redis.call('HGET', KEYS[2], 'probe_until') or 0)
	if by and by ~= sender and probe_until > now then
		return {}
	end
end
local function give(entry, deliveries)
	if opened > 0 then
		redis.call('HSET', KEYS[2], 'probe', sender, 'probe_until', now + visibility)
	end
	local line = ''
	for at = 1, #entry[2], 2 do
		if entry[2][at] == 'line' then
			line = entry[2][at + 1]
		end
	end
	return { entry[1], line, deliveries, opened > 0 and 1 or 0 }
end
for _, item in ipairs(redis.call('XPENDING', KEYS[1], 'senders', 'IDLE', visibility, '-', '+', 1)) do
	local entries = redis.call('XCLAIM', KEYS[1], 'senders', sender, 0, item[1])
	if entries[1] then
		return give(entries[1], item[4] + 1)
	end
end
local read = redis.call('XREADGROUP', 'GROUP', 'senders', sender, 'COUNT', 1, 'STREAMS', KEYS[1], '>')
if read and read[1] then
	return give(read[1][2][1], 1)
end
return {}
