-- Count as taken and lost what a consumer put here and Redis forgot. Repeating it changes nothing.
-- KEYS[1] counts   ARGV[1] who   ARGV[2] how many it put in all   Returns how many are gone.
local gone = tonumber(ARGV[2]) - tonumber(redis.call('HGET', KEYS[1], 'put ' .. ARGV[1]) or 0)
if gone <= 0 then return 0 end
for _, name in ipairs({'put ' .. ARGV[1], 'taken', 'lost'}) do
  redis.call('HINCRBY', KEYS[1], name, gone)
end
return gone
