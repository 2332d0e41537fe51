-- How jobs come into the streams; included, behind queue_group.lua, by each script that puts some there.
--
-- A stream holds the jobs that are next, the window; what is more lies in its backlog, a list for each tenant, and is
-- dealt out in turns: one of each tenant, then the second of each, as far as the window goes. So one tenant's many jobs
-- take turns with another's few. Jobs without a tenant are one tenant's.
--
-- KEYS: 1-3 streams by priority, 4-6 how many lie in their backlogs, 7-9 the tenants that have some there, who is next
-- first. A tenant's list has the name of the backlog with "/TENANT" behind it.
-- A member, of such a list or as the only field of an entry, is "MS JOB TENANT LINE": since when it waits, by the clock
-- of who put it there; TENANT may be empty. Members are never taken apart here: to make a string anew costs more than
-- all else that is done with it.
local call, window_size = redis.call, 256
local windows = {}

local function list_of(number, tenant)
	return KEYS[3 + number] .. '/' .. tenant
end

local function tenant_of(member)
	return string.match(member, '^%d+ %S* (%S*) ') or ''
end

-- The lists' names cannot be declared, so a cluster that is moving the slot may refuse one to a script that it has
-- started; that must be before the script has changed anything.
local function reach(number, tenant)
	call('EXISTS', list_of(number, tenant))
end

-- Finished entries are deleted, so what is not pending waits. Many workers have room for more than the least window.
local function window_of(number)
	local group = group_of(KEYS[number])
	local size = group and math.max(window_size, 2 * group.consumers) or window_size
	local room = size - math.max(0, call('XLEN', KEYS[number]) - (group and group.pending or 0))
	local window = { room = room, full = room <= 0 or call('EXISTS', KEYS[6 + number]) == 1, tenants = {}, lists = {} }
	windows[number] = window
	return window
end

-- The stream's next member, or one for later. After the last one (of at most 500), put_end.
local function put(number, member)
	local window = windows[number] or window_of(number)
	if not window.full then
		window.room = window.room - 1
		window.full = window.room == 0
		call('XADD', KEYS[number], '*', 'job', member)
		return
	end
	local tenant = string.find(member, '  ', 1, true) == 41 and '' or tenant_of(member)
	local list = window.lists[tenant]
	if not list then
		list = {}
		window.lists[tenant] = list
		window.tenants[#window.tenants + 1] = tenant
	end
	list[#list + 1] = member
end

local function put_end()
	for number, window in pairs(windows) do
		local count = 0
		for _, tenant in ipairs(window.tenants) do
			local list = window.lists[tenant]
			count = count + #list
			if call('RPUSH', list_of(number, tenant), unpack(list)) == #list then -- it had none
				call('RPUSH', KEYS[6 + number], tenant)
			end
		end
		if count > 0 then
			call('INCRBY', KEYS[3 + number], count)
		end
	end
end

local function count_out(number, count)
	if call('DECRBY', KEYS[3 + number], count) <= 0 then
		call('DEL', KEYS[3 + number])
	end
end

-- Deals the next jobs from the backlog to a stream that has none left. Whether there were any.
local function refill(number)
	local tenants = call('LRANGE', KEYS[6 + number], 0, window_size - 1)
	if not tenants[1] then
		return false
	end
	local share = math.floor(window_size / #tenants)
	for _, tenant in ipairs(tenants) do
		reach(number, tenant)
	end
	call('LTRIM', KEYS[6 + number], #tenants, -1)
	local lists, count = {}, 0
	for index, tenant in ipairs(tenants) do
		local key = list_of(number, tenant)
		lists[index] = call('LPOP', key, share) or {}
		count = count + #lists[index]
		if call('EXISTS', key) == 1 then
			call('RPUSH', KEYS[6 + number], tenant)
		end
	end
	for turn = 1, share do
		for _, list in ipairs(lists) do
			if list[turn] then
				call('XADD', KEYS[number], '*', 'job', list[turn])
			end
		end
	end
	count_out(number, count)
	return true
end
