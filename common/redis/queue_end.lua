-- Ends one claim that is not finished, if it is still this worker's: to be tried again later, dead, or handed back.
--
-- KEYS: 1 stream, 2 delayed, 3 dead, 4 events, 5 takeovers
-- ARGV: 1 consumer, 2 entry, 3 deliveries, 4 how, 5 event line or '', 6 most events kept, then
--       retry: 7 due (Unix ms), 8 member of the delayed set
--       bury: 7 ms the dead are kept, 8 job, 9 code, 10 message, 11 line
--       hand back: 7 visibility ms
-- Returns 1, or 0 when the claim is not ours any more; then nothing is changed.
local group, held = 'workers', 'handed-back'
local entry, how = ARGV[2], ARGV[4]
local pending = redis.call('XPENDING', KEYS[1], group, entry, entry, 1, ARGV[1])
if not pending[1] or pending[1][4] ~= tonumber(ARGV[3]) then
	return 0
end
if how == 'hand back' then
	-- One delivery less, because the next claim counts one, and this one was no attempt.
	redis.call('XCLAIM', KEYS[1], group, held, 0, entry, 'IDLE', ARGV[7], 'RETRYCOUNT', math.max(0, ARGV[3] - 1), 'JUSTID')
	redis.call('INCR', KEYS[5])
	return 1
end
if how == 'retry' then
	redis.call('ZADD', KEYS[2], ARGV[7], ARGV[8])
else
	local time = redis.call('TIME')
	local oldest = time[1] * 1000 - ARGV[7]
	redis.call('XADD', KEYS[3], 'MINID', '~', math.max(0, oldest), '*', 'job', ARGV[8], 'code', ARGV[9], 'message', ARGV[10],
		'line', ARGV[11])
end
redis.call('XACK', KEYS[1], group, entry)
redis.call('XDEL', KEYS[1], entry)
if ARGV[5] ~= '' then
	redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], '*', 'line', ARGV[5])
end
return 1
