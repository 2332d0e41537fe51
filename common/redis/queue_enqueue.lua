-- Puts a batch of jobs in the queue, each once per idempotency key, and the batch itself once: a sender that lost the
-- connection before the answer sends the same batch again and gets the same answer.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7-9 their turns, 10 this batch's answer, 11 delayed, 12…
--       idempotency keys of those jobs that have one
-- ARGV: 1 ms a key is kept, 2 ms the answer is kept, 3 most jobs in the queue (0: no limit),
--       then three for each job: head (stream 1-3, 'k' or '-' as it has a key, its tenant or nothing), job id, line
-- Returns "full DEPTH", or the duplicates as "index id " each (index from 0, id of the job that holds the key).
--#include queue_window.lua
local answer = redis.call('GET', KEYS[10])
if answer then
	redis.call('PEXPIRE', KEYS[10], ARGV[2]) -- a write, so that who waits for it to be kept waits for the first one, too
	return answer
end
local most = tonumber(ARGV[3])
if most > 0 then
	local depth = redis.call('ZCARD', KEYS[11])
	for number = 1, 3 do
		depth = depth + redis.call('XLEN', KEYS[number]) + redis.call('ZCARD', KEYS[3 + number])
	end
	if depth + (#ARGV - 3) / 3 > most then
		return 'full ' .. depth
	end
end
local duplicates = {}
local next_key = 12
for at = 4, #ARGV, 3 do
	local head, job = ARGV[at], ARGV[at + 1]
	local holder = false
	if string.byte(head, 2) == 107 then -- 'k'
		local key = KEYS[next_key]
		next_key = next_key + 1
		if not redis.call('SET', key, job, 'NX', 'PX', ARGV[1]) then
			holder = redis.call('GET', key)
		end
	end
	if holder then
		duplicates[#duplicates + 1] = (at - 4) / 3 .. ' ' .. holder .. ' '
	else
		put(string.byte(head, 1) - 48, job, string.sub(head, 3), ARGV[at + 2])
	end
end
put_end()
answer = table.concat(duplicates)
redis.call('SET', KEYS[10], answer, 'PX', ARGV[2])
return answer
