-- Takes up to `wanted` tokens from a bucket that fills at `rate` per minute up to `burst`.
-- KEYS[1] the bucket: hash tokens, at (ms); expires when it would be full.
-- ARGV: per minute, burst, wanted
-- Returns: tokens taken (0: none), ms until there is one.
local rate, burst, wanted = tonumber(ARGV[1]) / 60000, tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]) or burst, tonumber(bucket[2]) or now
if now > at then
	tokens = math.min(burst, tokens + (now - at) * rate)
else
	now = at -- a clock that was set back gives nothing
end
local taken = math.min(wanted, math.floor(tokens))
tokens = tokens - taken
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / rate) + 1000)
local wait = 0
if taken == 0 then
	wait = math.ceil((1 - tokens) / rate)
end
return { taken, wait }
