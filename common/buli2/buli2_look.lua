-- Makes the group when it is not there, puts due retries back in the stream, and tells what there is.
-- KEYS: 1 requests, 2 retry, 3 dead, 4 breaker. ARGV: 1 most retries to put back, 2 sender
-- Returns: waiting in the stream (being sent counted), in the retry set, due of these, dead, ms until the breaker lets the
-- next request through (0: now), ms until the next retry is due (-1: none).
redis.pcall('XGROUP', 'CREATE', KEYS[1], 'senders', '0', 'MKSTREAM')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local opened = tonumber(redis.call('HGET', KEYS[4], 'until') or 0)
local probe, by = tonumber(redis.call('HGET', KEYS[4], 'probe_until') or 0), redis.call('HGET', KEYS[4], 'probe')
local wait = math.max(0, opened - now)
if wait == 0 and opened > 0 and by and by ~= ARGV[2] then
	wait = math.max(0, probe - now)
end
if wait == 0 then
	for _, line in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])) do
		redis.call('XADD', KEYS[1], '*', 'line', line)
		redis.call('ZREM', KEYS[2], line)
	end
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return {
	redis.call('XLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('ZCOUNT', KEYS[2], '-inf', now),
	redis.call('XLEN', KEYS[3]), wait, next[2] and math.max(0, tonumber(next[2]) - now) or -1,
}
