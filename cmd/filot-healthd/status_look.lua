-- What workers hold and what failed last, without the jobs' lines. Changes nothing.
--
-- KEYS: 1-3 streams by priority, 4 dead. ARGV: 1 most held jobs of a stream, 2 most failures
-- Returns {{{worker, job, document, stream number, ms since it was renewed, deliveries}, …},
--          {{ms when it died, job, document, code, message}, …}}
local group, held_back, longest = 'workers', 'handed-back', 65536
local held, failures = {}, {}

local function fields_of(entry)
	local fields = {}
	for at = 1, entry and #entry[2] or 0, 2 do
		fields[entry[2][at]] = entry[2][at + 1]
	end
	return fields
end

local function document_of(line)
	if not line or #line > longest then
		return ''
	end
	local good, job = pcall(cjson.decode, line)
	return good and type(job) == 'table' and type(job.document) == 'string' and job.document or ''
end

for number = 1, 3 do
	local pending = redis.pcall('XPENDING', KEYS[number], group, '-', '+', ARGV[1])
	for _, row in ipairs(pending.err and {} or pending) do
		if row[2] ~= held_back then
			-- The only field of an entry: "MS JOB TENANT LINE".
			local entry = redis.call('XRANGE', KEYS[number], row[1], row[1])[1]
			local job, line = string.match(entry and entry[2][2] or '', '^%d+ (%S*) %S* (.*)$')
			held[#held + 1] = { row[2], job or '', document_of(line), number, row[3], row[4] }
		end
	end
end
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', ARGV[2])) do
	local fields = fields_of(entry)
	failures[#failures + 1] = { tonumber(string.match(entry[1], '^%d+')), fields.job or '', document_of(fields.line),
		fields.code or '', fields.message or '' }
end
return { held, failures }
