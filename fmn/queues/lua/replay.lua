-- Put what a dead letter held back into its queue, unless the letter is gone: so it happens once.
-- KEYS[1] dead   KEYS[2] queue   KEYS[3] counts
-- ARGV[1] id of the letter   ARGV[2] version   ARGV[3] n   ARGV[4] value   ARGV[5] origin, or ''
-- ARGV[6] JSON list of counts [[field, by]…]   Returns 1 where it did so, else 0.
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
local origin = ARGV[5] ~= '' and {'o', ARGV[5]} or {}
redis.call('XADD', KEYS[2], '*', 'v', ARGV[2], 'n', ARGV[3], 'd', ARGV[4], unpack(origin))
for _, count in ipairs(cjson.decode(ARGV[6])) do
  redis.call('HINCRBY', KEYS[3], count[1], count[2])
end
redis.call('XDEL', KEYS[1], ARGV[1])  -- last: an error above leaves the letter
return 1
