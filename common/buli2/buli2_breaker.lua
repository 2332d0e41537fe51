-- What a try says of BULI2's health. Closed: failures in a row are counted. With `threshold` of them, or when a probe
-- fails, it opens for base * 2^n (capped, with jitter: half of it is random). Failures of tries that began before it
-- opened change nothing. A try that BULI2 answered closes it.
-- KEYS: 1 breaker. ARGV: 1 good|bad|wait, 2 threshold, 3 base ms, 4 cap ms, 5 a random number from 0 to 999,
-- 6 ms that BULI2 asks to wait ('wait' and 'bad'; 0: it did not), 7 sender
-- Returns {was open 0|1, is open 0|1, ms it is open for}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local opened = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
local was = opened > 0 and 1 or 0
local function open(ms, count)
	redis.call('HSET', KEYS[1], 'until', now + ms, 'opened', count)
	redis.call('HDEL', KEYS[1], 'probe', 'probe_until')
	redis.call('PEXPIRE', KEYS[1], math.max(86400000, 2 * ms))
	return { was, 1, ms }
end
if ARGV[1] == 'good' then
	redis.call('DEL', KEYS[1])
	return { was, 0, 0 }
end
local asked = tonumber(ARGV[6])
local count = tonumber(redis.call('HGET', KEYS[1], 'opened') or 0)
if ARGV[1] == 'wait' then
	return open(math.max(asked, opened - now), count)
end
if opened > now then
	return { was, 1, opened - now }
end
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
redis.call('PEXPIRE', KEYS[1], 86400000)
if was == 0 and failures < tonumber(ARGV[2]) then
	return { 0, 0, 0 }
end
local ms = math.min(tonumber(ARGV[4]), tonumber(ARGV[3]) * 2 ^ math.min(count, 20))
ms = math.floor(ms / 2 + ms / 2 * tonumber(ARGV[5]) / 1000)
return open(math.max(ms, asked), count + 1)
