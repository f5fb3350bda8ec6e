-- Put messages on a channel; what `who` put here before and Redis forgot is counted as taken and lost.
-- Both are one unit: after the next message nobody could tell any more.
-- KEYS[1] channel   KEYS[2] counts
-- ARGV[1] who   ARGV[2] how many it put in all, as it was told   ARGV[3] version   ARGV[4..] values
-- Returns how many `who` put here in all, and how many were gone.
local function count(name, by)
  local counted = redis.pcall('HINCRBY', KEYS[2], name, by)
  if type(counted) ~= 'table' then return counted end
  redis.call('HSET', KEYS[2], name, by)  -- no number stood there: it begins again
  return by
end

local me = 'put ' .. ARGV[1]
local known = tonumber(redis.call('HGET', KEYS[2], me) or 0) or 0
local gone = math.max(0, tonumber(ARGV[2]) - known)
for i = 4, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'v', ARGV[3], 'n', 1, 'd', ARGV[i])
end
if gone > 0 then count('lost', gone) end
count('taken', gone + #ARGV - 3)
return {count(me, gone + #ARGV - 3), gone}
