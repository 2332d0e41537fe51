-- A worker's row, "UNIX-MS JSON": the time is the server's, so that all rows are by one clock.
--
-- KEYS: 1 workers. ARGV: 1 worker, 2 JSON
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[2]))
return 'OK'
