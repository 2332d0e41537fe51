-- A worker leaves. What is still pending to it (answers that it never got) is handed back, never lost.
--
-- KEYS: 1-3 streams by priority, 4 workers, 5 takeovers. ARGV: 1 consumer, 2 visibility ms
local group, held = 'workers', 'handed-back'
for number = 1, 3 do
	local pending
	repeat
		pending = redis.call('XPENDING', KEYS[number], group, '-', '+', 500, ARGV[1])
		for _, item in ipairs(pending) do
			redis.call('XCLAIM', KEYS[number], group, held, 0, item[1], 'IDLE', ARGV[2], 'RETRYCOUNT',
				math.max(0, item[4] - 1), 'JUSTID')
			redis.call('INCR', KEYS[5])
		end
	until #pending < 500
	-- Deleting a consumer deletes its pending list, so never one that is not empty.
	if #redis.call('XPENDING', KEYS[number], group, '-', '+', 1, ARGV[1]) == 0 then
		redis.call('XGROUP', 'DELCONSUMER', KEYS[number], group, ARGV[1])
	end
end
redis.call('HDEL', KEYS[4], ARGV[1])
return 'OK'
