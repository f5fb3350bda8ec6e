-- Let what was withheld go, once: chunks into their lane, what does not go onto the log, counts.
--
-- KEYS[1] mark of this release   KEYS[2] lane held   KEYS[3] counts   KEYS[4..] outputs
-- ARGV[1] milliseconds the mark lives   ARGV[2] JSON list of ids of entries of the lane held
-- ARGV[3] JSON list of one step, as for step.lua   ARGV[4..] the values
-- Returns 1 gone, 0 gone before, -1 not yet: while an entry is in the lane held it may be kept
-- again, and what was let go before would go twice.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for _, id in ipairs(cjson.decode(ARGV[2])) do
  if #redis.call('XRANGE', KEYS[2], id, id) > 0 then return -1 end
end
local step = cjson.decode(ARGV[3])[1]
for _, write in ipairs(step[2]) do
  redis.call('XADD', KEYS[3 + write[1]], '*', 'v', write[2], 'n', write[3], 'd', ARGV[3 + write[4]])
end
for _, count in ipairs(step[3]) do
  redis.call('HINCRBY', KEYS[3], count[1], count[2])
end
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])  -- last: an error above repeats, it never loses
return 1
