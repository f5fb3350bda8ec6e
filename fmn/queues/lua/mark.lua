-- Note how an attempt ended, unless somebody else claimed it meanwhile: who was robbed knows less.
-- But what went out went out, whoever says so.
-- KEYS[1] claim   ARGV[1] origin   ARGV[2] token of the attempt   ARGV[3] milliseconds it lives
-- ARGV[4] sent, refused, or doubt   ARGV[5] 1 where an earlier attempt is in doubt   Returns 1 or 0.
local state, origin, token = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+) (%S+)')
if origin and origin ~= ARGV[1] then return 0 end
if token and token ~= ARGV[2] and (ARGV[4] ~= 'sent' or state == 'sent') then return 0 end
local value = table.concat({ARGV[4], ARGV[1], ARGV[2], 0, ARGV[5]}, ' ')
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
return 1
