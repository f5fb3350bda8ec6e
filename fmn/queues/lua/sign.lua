-- A sign of life, by the server's clock; the names of a day ago are forgotten.
-- KEYS[1] alive   ARGV[1] name   ARGV[2] seconds of silence that mean death   Returns who is alive, by name.
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 86400)
return redis.call('ZRANGEBYSCORE', KEYS[1], now - tonumber(ARGV[2]), '+inf')
