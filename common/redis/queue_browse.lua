-- One page of what lies in one place of the queue. Changes nothing.
--
-- KEYS: 1 the stream, its backlog, the delayed set or the dead stream; 2 of the backlog: its turns
-- ARGV: 1 place: pending, ready, backlog, delayed or dead, 2 where the last page ended ('' before the first), 3 most
--       rows to look at, 4 least and 5 most: of pending the idle ms (no most), of delayed the due time, of dead the id; then jobs:
--       where any are given, rows of others are left out
-- Returns {server's time in ms, where this page ended ('' when there is no more), rows}. A row is {entry, job, line}
-- and then, pending: worker, idle ms, deliveries; delayed: due ms; dead: code, message. Of pending and ready the line is
-- the member that queue_window.lua tells of; of delayed and backlog the entry is, and the line is empty.
--#include queue_group.lua
local place, after, most, least, highest = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local call, group = redis.call, 'workers'
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wanted = {}
for at = 6, #ARGV do
	wanted[ARGV[at]] = true
end
local rows, ended = {}, ''

local function named(fields)
	local values = {}
	for at = 1, #fields, 2 do
		values[fields[at]] = fields[at + 1]
	end
	return values
end

-- `job` is wanted, or all are.
local function add(job, row)
	if #ARGV < 6 or wanted[job] then
		rows[#rows + 1] = row
	end
end

local function job_of(member)
	return string.match(member, '^%d+ (%S*) ') or ''
end

local function add_entries(entries, add_entry)
	for _, entry in ipairs(entries) do
		add_entry(entry)
	end
	if #entries == most then
		ended = entries[most][1]
	end
end

-- The tenants by name, for their turns go on meanwhile. Of each the last job first: workers take the other end away, so
-- nothing is passed over. A page has many short lists, or a part of one long one; the next begins at "OFFSET TENANT".
local function browse_backlog()
	local offset, from = string.match(after, '^(%d+) (.*)$')
	local tenants, looked = call('LRANGE', KEYS[2], 0, -1), 0
	offset = tonumber(offset or 0)
	table.sort(tenants)
	for _, tenant in ipairs(tenants) do
		if not from or tenant >= from then
			local start = tenant == from and offset or 0
			local key = KEYS[1] .. '/' .. tenant
			if looked > 0 and looked + call('LLEN', key) > most then
				ended = '0 ' .. tenant
				return
			end
			local members = call('LRANGE', key, -start - most, -start - 1)
			for at = #members, 1, -1 do
				add(job_of(members[at]), { members[at], job_of(members[at]), '' })
			end
			looked = looked + #members
			if #members == most then
				ended = string.format('%d %s', start + most, tenant)
				return
			end
		end
	end
end

if place == 'pending' then
	local start = after == '' and '-' or '(' .. after
	local pending = redis.pcall('XPENDING', KEYS[1], group, 'IDLE', least, start, '+', most)
	if pending.err then
		pending = {} -- no group, so nothing is pending
	end
	for _, item in ipairs(pending) do
		local entry = call('XRANGE', KEYS[1], item[1], item[1])[1]
		local member = entry and entry[2][2] or ''
		add(job_of(member), { item[1], job_of(member), member, item[2], item[3], item[4] })
	end
	if #pending == most then
		ended = pending[most][1]
	end
elseif place == 'ready' then
	local start = after == '' and '-' or '(' .. after
	local given = after == '' and group_of(KEYS[1])
	if given then
		start = '(' .. given['last-delivered-id']
	end
	add_entries(call('XRANGE', KEYS[1], start, '+', 'COUNT', most), function(entry)
		add(job_of(entry[2][2]), { entry[1], job_of(entry[2][2]), entry[2][2] })
	end)
elseif place == 'dead' then
	local start = after == '' and least or '(' .. after
	add_entries(call('XRANGE', KEYS[1], start, highest, 'COUNT', most), function(entry)
		local values = named(entry[2])
		add(values.job or '', { entry[1], values.job or '', values.line or '', values.code or '', values.message or '' })
	end)
elseif place == 'backlog' then
	browse_backlog()
else
	local offset = tonumber(after) or 0
	local members = call('ZRANGEBYSCORE', KEYS[1], least, highest, 'WITHSCORES', 'LIMIT', offset, most)
	for at = 1, #members, 2 do
		local member = members[at]
		local job = string.match(member, '^[123] (%S*) ') or ''
		add(job, { member, job, '', tonumber(members[at + 1]) })
	end
	if #members == 2 * most then
		ended = string.format('%d', offset + most)
	end
end
return { now, ended, rows }
