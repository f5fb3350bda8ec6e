-- A sign of life, by the server's clock; the names of a day ago are forgotten.
-- KEYS[1] alive   ARGV[1] name   ARGV[2] seconds of silence that mean death
-- Returns {who is alive, by name; microseconds of this sign; when we signed before, as it stands here}.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 86400)
local alive = redis.call('ZRANGEBYSCORE', KEYS[1], now - tonumber(ARGV[2]), '+inf')
return {alive, string.format('%.6f', now), before or '0'}
