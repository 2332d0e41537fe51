-- How jobs come into the streams; included by each script that puts some there.
--
-- A stream holds the jobs that are next, the window; what is more lies in its backlog, ordered by turns: each tenant's
-- jobs have one turn after the other, and a tenant that was away begins at the turn that is served now. So one tenant's
-- many jobs take turns with another's few. Jobs without a tenant are one tenant's. A tenant's last turn is kept while
-- it has jobs in the backlog, the turn that is served under the name ' ', which no tenant has.
--
-- KEYS: 1-3 streams by priority, 4-6 their backlogs, 7-9 their turns
-- A member of a backlog is "MS-TURN STREAM JOB TENANT LINE": when it came and its turn, TENANT may be empty; so it is
-- unique, and of one turn who came first is first.
local window_size = 256
local windows = {}

local function add(number, job, tenant, line)
	if tenant == '' then
		redis.call('XADD', KEYS[number], '*', 'job', job, 'line', line)
	else
		redis.call('XADD', KEYS[number], '*', 'job', job, 'tenant', tenant, 'line', line)
	end
end

-- Finished entries are deleted, so what is not pending waits. Many workers have room for more than the least window.
local function window_of(number)
	local size, pending = window_size, 0
	local groups = redis.pcall('XINFO', 'GROUPS', KEYS[number])
	for _, info in ipairs(groups.err and {} or groups) do
		local fields = {}
		for at = 1, #info, 2 do
			fields[info[at]] = info[at + 1]
		end
		if fields.name == 'workers' then
			pending, size = fields.pending, math.max(size, 2 * fields.consumers)
		end
	end
	local room = size - math.max(0, redis.call('XLEN', KEYS[number]) - pending)
	windows[number] = { room = room, full = room <= 0 or redis.call('EXISTS', KEYS[3 + number]) == 1, turns = {}, behind = {} }
	return windows[number]
end

local function flush(number, window)
	if #window.behind > 0 then
		redis.call('ZADD', KEYS[3 + number], unpack(window.behind))
		window.behind = {}
	end
end

local function put_behind(number, window, job, tenant, line)
	if not window.prefix then
		local time = redis.call('TIME')
		window.prefix = string.format('%013.0f-', time[1] * 1000 + math.floor(time[2] / 1000))
		window.served = tonumber(redis.call('HGET', KEYS[6 + number], ' ') or 0)
		window.full = true
	end
	local last = window.turns[tenant] or tonumber(redis.call('HGET', KEYS[6 + number], tenant) or 0)
	local turn, behind = math.max(window.served, last) + 1, window.behind
	window.turns[tenant] = turn
	behind[#behind + 1] = turn
	behind[#behind + 1] = window.prefix .. turn .. ' ' .. number .. ' ' .. job .. ' ' .. tenant .. ' ' .. line
	if #behind == 256 then
		flush(number, window)
	end
end

-- The stream's next job, or one for later. After the last one, put_end.
local function put(number, job, tenant, line)
	local window = windows[number] or window_of(number)
	if window.full then
		put_behind(number, window, job, tenant, line)
	else
		window.room = window.room - 1
		window.full = window.room == 0
		add(number, job, tenant, line)
	end
end

local function put_end()
	for number, window in pairs(windows) do
		flush(number, window)
		for tenant, turn in pairs(window.turns) do
			redis.call('HSET', KEYS[6 + number], tenant, turn)
		end
	end
end

-- Moves the next jobs from the backlog to a stream that has none left. The entry tells since when it waits.
local function refill(number)
	local taken = redis.call('ZPOPMIN', KEYS[3 + number], window_size)
	local tenants, turns, position = {}, {}, {}
	for at = 1, #taken, 2 do
		-- The line is cut off by its place: a pattern would walk over it.
		local ms, turn, job, tenant, place = string.match(taken[at], '^(%d+)%-(%d+) [123] (%S*) (%S*) ()')
		if not ms then
			ms, turn, job, tenant, place = '0', '', '', '', 1
		end
		local line = string.sub(taken[at], place)
		redis.call('XADD', KEYS[number], '*', 'job', job, 'tenant', tenant, 'since', ms, 'line', line)
		if not position[tenant] then
			position[tenant] = #tenants + 1
			tenants[#tenants + 1] = tenant
		end
		turns[position[tenant]] = turn
	end
	if redis.call('EXISTS', KEYS[3 + number]) == 0 then
		redis.call('DEL', KEYS[6 + number])
	elseif #taken > 0 then
		redis.call('HSET', KEYS[6 + number], ' ', taken[#taken])
		for at, last in ipairs(redis.call('HMGET', KEYS[6 + number], unpack(tenants))) do
			if last == turns[at] then -- that was all it had
				redis.call('HDEL', KEYS[6 + number], tenants[at])
			end
		end
	end
	return #taken > 0
end
