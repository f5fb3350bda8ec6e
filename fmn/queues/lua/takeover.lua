-- Take one entry over from a process that shows no sign of life, or from ourselves: the caller
-- has nothing in hand, so what is pending in its name was lost on the way to it.
-- Checking and claiming are one unit: idle time alone moves nothing.
--
-- KEYS[1] stream   KEYS[2] alive   KEYS[3] suspects   KEYS[4] counts
-- ARGV[1] group   ARGV[2] our name   ARGV[3] seconds of silence that mean death   ARGV[4] known version
-- Returns {id, fields, tries}, or nothing. A name leaves the group only when nothing is pending.
--
-- What a newer fmn wrote stays pending for one that knows it, counted, in a name of its own: so it
-- is looked at once, and in nobody's way. Who knows that version finds it there, as of a dead process.
local group, me, silence, version = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now = tonumber(redis.call('TIME')[1])
local unknown = 'unknown to ' .. version
local PAGE, PAGES = 100, 10  -- so that nobody waits long for the server

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
  if fields.v ~= version and string.match(fields.v or '', '^[1-9]%d?%d?$') then
    redis.call('XCLAIM', KEYS[1], group, unknown, 0, id, 'JUSTID')
    redis.call('HINCRBY', KEYS[4], 'unknown ' .. fields.v, 1)
    return nil
  end
  local suspect = KEYS[1] .. ' ' .. id
  local tries = redis.pcall('HINCRBY', KEYS[3], suspect, 1)
  if type(tries) == 'table' then  -- no number stood there
    tries = 1
    redis.call('HSET', KEYS[3], suspect, tries)
  end
  return {id, entry[2], tries}
end

if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
  local consumer = map(info)
  local signed = tonumber(redis.call('ZSCORE', KEYS[2], consumer.name) or 0)
  if consumer.name == me or (signed < now - silence and consumer.name ~= unknown) then
    for _ = 1, PAGES do
      local page = redis.call('XPENDING', KEYS[1], group, '-', '+', PAGE, consumer.name)
      for _, pending in ipairs(page) do
        local taken = take(pending[1])
        if taken then return taken end
      end
      if #page < PAGE then break end  -- what was looked at is in this name no more
    end
    if consumer.name ~= me and
       #redis.call('XPENDING', KEYS[1], group, '-', '+', 1, consumer.name) == 0 then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, consumer.name)
    end
  end
end
return nil
