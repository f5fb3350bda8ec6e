-- Take one entry over from a process that shows no sign of life, or from ourselves: the caller
-- has nothing in hand, so what is pending in its name was lost on the way to it.
-- Checking and claiming are one unit: idle time alone moves nothing.
--
-- KEYS[1] stream   KEYS[2] alive   KEYS[3] suspects
-- ARGV[1] group   ARGV[2] our name   ARGV[3] seconds of silence that mean death   ARGV[4] known version
-- Returns {id, n, value, tries, origin or '', reason or ''}, or nothing. A name leaves the group only when nothing is pending.
local group, me, silence, version = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now = tonumber(redis.call('TIME')[1])

local function map(flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local function take(id)
  local entry = redis.call('XCLAIM', KEYS[1], group, me, 0, id)[1]
  if not entry then
    redis.call('XACK', KEYS[1], group, id)  -- deleted under us by hand: nothing is left to do
    return nil
  end
  local fields = map(entry[2])
  if fields.v ~= version then return nil end  -- a newer fmn wrote it; it stays for one that knows
  local tries = redis.call('HINCRBY', KEYS[3], KEYS[1] .. ' ' .. id, 1)
  return {id, fields.n, fields.d, tries, fields.o or '', fields.r or ''}
end

if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
  local consumer = map(info)
  local signed = tonumber(redis.call('ZSCORE', KEYS[2], consumer.name) or 0)
  if consumer.name == me or signed < now - silence then
    for _, pending in ipairs(redis.call('XPENDING', KEYS[1], group, '-', '+', 100, consumer.name)) do
      local taken = take(pending[1])
      if taken then return taken end
    end
    if consumer.name ~= me and
       #redis.call('XPENDING', KEYS[1], group, '-', '+', 1, consumer.name) == 0 then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, consumer.name)
    end
  end
end
return nil
