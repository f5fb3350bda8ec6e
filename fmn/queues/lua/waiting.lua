-- All of one channel's figures at one moment: its counts, what waits, and what is to be retried.
-- KEYS[1] counts   KEYS[2] channel   KEYS[3] log   KEYS[4] lane held   then an outbox and a retry for each lane
-- Returns {counts, messages waiting, lines of the log, n in the lane held, n waiting, n retrying of each lane...}
local function count(text)  -- as `fields.py` has it: what is no count counts for nothing
  return text and string.match(text, '^%d+$') and #text < 10 and tonumber(text) or 0
end

local function notifications(stream)
  local sum, from = 0, '-'
  while true do
    local entries = redis.call('XRANGE', stream, from, '+', 'COUNT', 500)
    for _, entry in ipairs(entries) do
      for i = 1, #entry[2], 2 do
        if entry[2][i] == 'n' then sum = sum + count(entry[2][i + 1]) end
      end
    end
    if #entries < 500 then return sum end
    from = '(' .. entries[#entries][1]
  end
end

local function retries(zset)
  local sum = 0
  for _, member in ipairs(redis.call('ZRANGE', zset, 0, -1)) do
    sum = sum + count(string.match(member, '^%S+ %d+ (%d+)\n'))
  end
  return sum
end

local answer = {redis.call('HGETALL', KEYS[1])}
for i = 2, 3 do answer[i] = redis.call('XLEN', KEYS[i]) end
answer[4] = notifications(KEYS[4])
for i = 5, #KEYS, 2 do
  answer[#answer + 1] = notifications(KEYS[i])
  answer[#answer + 1] = retries(KEYS[i + 1])
end
return answer
