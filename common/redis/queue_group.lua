-- What Redis tells of a stream's group of workers, by name; nil where there is none.
local function group_of(key)
	local groups = redis.pcall('XINFO', 'GROUPS', key)
	for _, info in ipairs(groups.err and {} or groups) do
		local fields = {}
		for at = 1, #info, 2 do
			fields[info[at]] = info[at + 1]
		end
		if fields.name == 'workers' then
			return fields
		end
	end
end
