-- Puts a batch of jobs in the queue, each once per idempotency key, and the batch itself once: a sender that lost the
-- connection before the answer sends the same batch again and gets the same answer.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7-9 their turns, 10 this batch's answer, 11 delayed, 12…
--       idempotency keys of those jobs that have one
-- ARGV: 1 ms a key is kept, 2 ms the answer is kept, 3 most jobs in the queue (0: no limit), 4 two letters for each job:
--       its stream 1-3, and 'k' or '-' as it has a key; then their members
-- Returns "full DEPTH", or the duplicates as "index id " each (index from 0, id of the job that holds the key).
--#include queue_group.lua
--#include queue_window.lua
local answer = call('GET', KEYS[10])
if answer then
	call('PEXPIRE', KEYS[10], ARGV[2]) -- a write, so that who waits for it to be kept waits for the first one, too
	return answer
end
local keep, most, heads = ARGV[1], tonumber(ARGV[3]), ARGV[4]
if most > 0 then
	local depth = call('ZCARD', KEYS[11])
	for number = 1, 3 do
		depth = depth + call('XLEN', KEYS[number]) + tonumber(call('GET', KEYS[3 + number]) or 0)
	end
	if depth + #ARGV - 4 > most then
		return 'full ' .. depth
	end
end
local duplicates = {}
local next_key = 12
for index = 1, #ARGV - 4 do
	local stream, keyed = string.byte(heads, 2 * index - 1, 2 * index)
	local holder = false
	if keyed == 107 then -- 'k'; the job's id is behind 13 digits and a blank
		local key = KEYS[next_key]
		next_key = next_key + 1
		if not call('SET', key, string.sub(ARGV[4 + index], 15, 40), 'NX', 'PX', keep) then
			holder = call('GET', key)
		end
	end
	if holder then
		duplicates[#duplicates + 1] = index - 1 .. ' ' .. holder .. ' '
	else
		put(stream - 48, ARGV[4 + index])
	end
end
put_end()
answer = table.concat(duplicates)
call('SET', KEYS[10], answer, 'PX', ARGV[2])
return answer
