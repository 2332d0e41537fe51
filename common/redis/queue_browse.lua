-- One page of what lies in one place of the queue. Changes nothing.
--
-- KEYS: 1 the stream, its backlog, the delayed set or the dead stream
-- ARGV: 1 place: pending, ready, backlog, delayed or dead, 2 where the last page ended ('' before the first), 3 most
--       rows to look at, 4 least and 5 most: of pending the idle ms (no most), of delayed the due time, of dead the id; then jobs:
--       where any are given, rows of others are left out
-- Returns {server's time in ms, where this page ended ('' when there is no more), rows}. A row is {entry, job, line}
-- and then, pending: worker, idle ms, deliveries; ready: when it came, if by way of the backlog; delayed (entry is the
-- member, which has the line): due ms; backlog (the same): nothing; dead: code, message.
local place, after, most, least, highest = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local group = 'workers'
local time = redis.call('TIME')
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

local function add_entries(entries)
	for _, entry in ipairs(entries) do
		local values = named(entry[2])
		add(values.job or '', { entry[1], values.job or '', values.line or '', values.code or values.since or '',
			values.message or '' })
	end
	if #entries == most then
		ended = entries[most][1]
	end
end

if place == 'pending' then
	local start = after == '' and '-' or '(' .. after
	local pending = redis.pcall('XPENDING', KEYS[1], group, 'IDLE', least, start, '+', most)
	if pending.err then
		pending = {} -- no group, so nothing is pending
	end
	for _, item in ipairs(pending) do
		local entry = redis.call('XRANGE', KEYS[1], item[1], item[1])[1]
		local values = entry and named(entry[2]) or {}
		add(values.job or '', { item[1], values.job or '', values.line or '', item[2], item[3], item[4] })
	end
	if #pending == most then
		ended = pending[most][1]
	end
elseif place == 'ready' then
	local start = after == '' and '-' or '(' .. after
	if after == '' and redis.call('EXISTS', KEYS[1]) == 1 then
		for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
			local values = named(info)
			if values.name == group then
				start = '(' .. values['last-delivered-id']
			end
		end
	end
	add_entries(redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', most))
elseif place == 'dead' then
	add_entries(redis.call('XRANGE', KEYS[1], after == '' and least or '(' .. after, highest, 'COUNT', most))
elseif place == 'backlog' then
	-- The last turn first: workers take the other end away meanwhile, and so nothing is passed over.
	local offset = tonumber(after) or 0
	local members = redis.call('ZREVRANGE', KEYS[1], offset, offset + most - 1)
	for _, member in ipairs(members) do
		local job = string.match(member, '^%d+%-%d+ [123] (%S*) ') or ''
		add(job, { member, job, '', '' })
	end
	if #members == most then
		ended = string.format('%d', offset + most)
	end
else
	local offset = tonumber(after) or 0
	local members = redis.call('ZRANGEBYSCORE', KEYS[1], least, highest, 'WITHSCORES', 'LIMIT', offset, most)
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
