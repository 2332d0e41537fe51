-- Puts requests in the stream. Doing it twice is harmless: what stands there twice is sent once (queue.h).
-- KEYS: 1 requests. ARGV: lines. Returns how many.
for _, line in ipairs(ARGV) do
	redis.call('XADD', KEYS[1], '*', 'line', line)
end
return #ARGV
