-- What an operator does to single jobs, a batch at a time. Each is checked again here: between looking and doing,
-- workers and other operators go on. A dry run makes the same checks and changes nothing.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7-9 their turns, 10 delayed, 11 dead, 12 cancel, 13 mark of the
--       last sweep, 14 takeovers
-- ARGV: 1 'do' or 'dry', 2 idle ms of a released claim, then six for each: how, stream 1-3, entry (of
--       delayed and backlog: the member), then
--       release (a claim, to the next worker): worker, deliveries, least idle ms
--       promote (delayed, to its stream now), revive (dead, to a stream): job, tenant or '', line
--       remove claimed-or-ready, remove backlog, remove delayed, remove dead: three empty ones
-- Returns a word for each: moved; held WORKER (it is removed, and was claimed); or why it was left alone: gone, taken,
-- renewed, released, cancelled.
--#include queue_group.lua
--#include queue_window.lua
local group, held = 'workers', 'handed-back'
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local dry, released = ARGV[1] == 'dry', tonumber(ARGV[2])

local function claim_of(key, entry)
	local pending = redis.pcall('XPENDING', key, group, entry, entry, 1)
	return not pending.err and pending[1]
end

-- Whether the entry, or the member of the delayed set, was there.
local function delete(key, entry)
	if dry then
		return #call('XRANGE', key, entry, entry) == 1
	end
	return call('XDEL', key, entry) == 1
end

local function unset(key, member)
	if dry then
		return call('ZSCORE', key, member) ~= false
	end
	return call('ZREM', key, member) == 1
end

-- Looked for from the end, where an operator's view begins and workers do not take from.
local function unlist(number, member)
	local tenant = tenant_of(member)
	local key = list_of(number, tenant)
	if dry then
		return call('LPOS', key, member, 'RANK', -1) ~= false
	elseif call('LREM', key, -1, member) == 0 then
		return false
	end
	if call('EXISTS', key) == 0 then
		call('LREM', KEYS[6 + number], 1, tenant)
	end
	count_out(number, 1)
	return true
end

-- The claim stays its worker's but counts as not renewed for very long, so that the next claim of any worker takes it
-- over: with the delivery counted (the fence lets the new one in) and the history telling whose it was. A worker that
-- wakes up before that renews it, and nothing was lost.
local function release(key, entry, worker, deliveries, least_idle)
	local claim = claim_of(key, entry)
	if not claim then
		return 'gone'
	elseif claim[2] ~= worker or claim[4] ~= tonumber(deliveries) then
		return 'taken'
	elseif claim[3] >= released then
		return 'released'
	elseif claim[3] < tonumber(least_idle) then
		return 'renewed'
	end
	if dry then
		return #call('XRANGE', key, entry, entry) == 1 and 'moved' or 'gone'
	end
	if #call('XCLAIM', key, group, worker, 0, entry, 'IDLE', released, 'JUSTID') == 0 then
		return 'gone'
	end
	call('DEL', KEYS[13]) -- the next claim looks for such ones
	return 'moved'
end

local function ready(number, job, tenant, line)
	if not dry then
		put(number, string.format('%.0f %s %s ', now, job, tenant) .. line)
	end
	return 'moved'
end

local function revive(number, entry, job, tenant, line)
	if call('SISMEMBER', KEYS[12], job) == 1 then
		return 'cancelled'
	elseif not delete(KEYS[11], entry) then
		return 'gone'
	end
	return ready(number, job, tenant, line)
end

local function promote(number, member, job, tenant, line)
	if not unset(KEYS[10], member) then
		return 'gone'
	end
	return ready(number, job, tenant, line)
end

local function remove(key, entry)
	local claim = claim_of(key, entry)
	if claim and not dry then
		call('XACK', key, group, entry)
		call('INCR', KEYS[14])
	end
	if not delete(key, entry) then
		return 'gone'
	end
	return claim and claim[2] ~= held and 'held ' .. claim[2] or 'moved'
end

for at = 3, #ARGV, 6 do
	if ARGV[at] == 'revive' or ARGV[at] == 'promote' then
		reach(ARGV[at + 1], ARGV[at + 4])
	elseif ARGV[at] == 'remove backlog' then
		reach(ARGV[at + 1], tenant_of(ARGV[at + 2]))
	end
end

local answers = {}
for at = 3, #ARGV, 6 do
	local how, number, entry = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]
	local key = KEYS[number]
	local answer
	if how == 'release' then
		answer = release(key, entry, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
	elseif how == 'revive' then
		answer = revive(number, entry, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
	elseif how == 'promote' then
		answer = promote(number, entry, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
	elseif how == 'remove delayed' then
		answer = unset(KEYS[10], entry) and 'moved' or 'gone'
	elseif how == 'remove backlog' then
		answer = unlist(number, entry) and 'moved' or 'gone'
	elseif how == 'remove dead' then
		answer = delete(KEYS[11], entry) and 'moved' or 'gone'
	else
		answer = remove(key, entry)
	end
	answers[#answers + 1] = answer
end
put_end()
return answers
