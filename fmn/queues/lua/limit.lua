-- Count one use. What counts expires as a whole, so many milliseconds after the first use.
-- KEYS[1] limit   ARGV[1] milliseconds   Returns how many uses there were in that time.
local used = redis.call('INCR', KEYS[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return used
