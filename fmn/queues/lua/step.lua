-- The fenced step: outputs, counts and the acknowledgement of an input are one unit.
-- What lost its input to another emits nothing. A script is atomic but does not roll back,
-- so the input goes last: an error in the middle repeats, it never loses.
--
-- KEYS[1] input stream (not used without a group)   KEYS[2] counts   KEYS[3] suspects   KEYS[4..] outputs
-- ARGV[1] group, or '' where there is no input (a consumer, pub/sub)
-- ARGV[2] JSON list of steps [id, [[output, version, n, place of its value, due or false]…], [[field, by]…]]
-- ARGV[3..] the values
-- Returns how many steps counted.
local TYPES = {counts = 'hash', suspects = 'hash', progress = 'hash', retry = 'zset'}
for _, key in ipairs(KEYS) do  -- another type would be an error in the middle, and repeat what is before it
  local found, due = redis.call('TYPE', key).ok, TYPES[string.match(key, '}:(%l+)')] or 'stream'
  if found ~= due and found ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ', must be a ' .. due)
  end
end

local group, steps, done = ARGV[1], cjson.decode(ARGV[2]), 0
for _, step in ipairs(steps) do
  local id, writes, counts = step[1], step[2], step[3]
  if group == '' or #redis.call('XPENDING', KEYS[1], group, id, id, 1) == 1 then
    for at, write in ipairs(writes) do
      local key, version, n, value, due = KEYS[3 + write[1]], write[2], write[3], ARGV[2 + write[4]], write[5]
      if due then
        -- Equal values would merge into one member: the entry's id and the place make it unique.
        local head = id .. '/' .. at .. ' ' .. version .. ' ' .. n .. '\n'
        redis.call('ZADD', key, due + redis.call('TIME')[1], head .. value)
      else
        redis.call('XADD', key, '*', 'v', version, 'n', n, 'd', value)
      end
    end
    for _, count in ipairs(counts) do
      local counted = redis.pcall('HINCRBY', KEYS[2], count[1], count[2])
      -- Where no number stood, it begins again: what was written above must not be repeated.
      if type(counted) == 'table' then redis.call('HSET', KEYS[2], count[1], count[2]) end
    end
    if group ~= '' then
      redis.call('HDEL', KEYS[3], KEYS[1] .. ' ' .. id)
      redis.call('XACK', KEYS[1], group, id)
      redis.call('XDEL', KEYS[1], id)      -- XLEN stays the backlog
    end
    done = done + 1
  end
end
return done
