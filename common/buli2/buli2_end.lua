-- The end of a try: its entry goes, and the request with it, to the retry set or to the dead stream.
-- KEYS: 1 requests, 2 retry, 3 dead
-- ARGV: 1 entry ('' when it came by another way), 2 done|retry|dead, 3 line, 4 ms from now until it is due, 5 code,
-- 6 message, 7 HTTP status, 8 body (cut), 9 how many ms the dead are kept
-- Returns 0 when another sender has ended this entry meanwhile, else 1; of a retry the time it is due, Unix ms.
local entry, how = ARGV[1], ARGV[2]
if entry ~= '' then
	local mine = redis.call('XACK', KEYS[1], 'senders', entry)
	redis.call('XDEL', KEYS[1], entry)
	if mine == 0 then
		return 0
	end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if how == 'retry' then
	local due = now + tonumber(ARGV[4])
	redis.call('ZADD', KEYS[2], due, ARGV[3])
	return due
end
if how == 'dead' then
	local oldest = string.format('%.0f-0', math.max(0, now - tonumber(ARGV[9])))
	redis.call('XADD', KEYS[3], 'MINID', '~', oldest, '*', 'line', ARGV[3], 'code', ARGV[5], 'message', ARGV[6],
		'http_status', ARGV[7], 'body', ARGV[8])
end
return 1
