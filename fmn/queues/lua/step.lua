-- The fenced step: outputs, counts and the acknowledgement of an input are one unit.
-- What lost its input to another emits nothing. A script is atomic but does not roll back,
-- so the input goes last: an error in the middle repeats, it never loses.
--
-- KEYS[1] input stream (not used without a group)   KEYS[2] counts   KEYS[3] suspects   KEYS[4] progress
-- KEYS[5..] outputs
-- ARGV[1] group, or '' where there is no input (a consumer, pub/sub)   ARGV[2] our name in it: what
--         another has in hand by now is that one's
-- ARGV[3] JSON list of steps [id, [[output, version, n, place of its value, due or false, full]…], [[field, by]…],
--         [progress before, progress after] or false]
--   full: false, or [retries of the lane, mark, lane held]: where a lane has so many chunks, a
--   chunk goes there instead, with its reason. The lane is asked for each: so none is one too many.
-- ARGV[4..] the values
-- A step with progress counts only where nobody has come further; one that has progress after it
-- is not the last of its input, and acknowledges nothing.
-- Returns how many steps counted.
local TYPES = {counts = 'hash', suspects = 'hash', progress = 'hash', retry = 'zset'}
for _, key in ipairs(KEYS) do  -- another type would be an error in the middle, and repeat what is before it
  local found, due = redis.call('TYPE', key).ok, TYPES[string.match(key, '}:(%l+)')] or 'stream'
  if found ~= due and found ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ', must be a ' .. due)
  end
end

local group, me, steps, done = ARGV[1], ARGV[2], cjson.decode(ARGV[3]), 0
for _, step in ipairs(steps) do
  local id, writes, counts, progress = step[1], step[2], step[3], step[4]
  local pending = group == '' or #redis.call('XPENDING', KEYS[1], group, id, id, 1, me) == 1
  if pending and (not progress or (redis.call('HGET', KEYS[4], id) or '') == progress[1]) then
    for at, write in ipairs(writes) do
      local key, version, n, value, due = KEYS[4 + write[1]], write[2], write[3], ARGV[3 + write[4]], write[5]
      local full = write[6]
      if due then
        -- Equal values would merge into one member: the entry's id and the place make it unique.
        local head = id .. '/' .. at .. ' ' .. version .. ' ' .. n .. '\n'
        redis.call('ZADD', key, due + redis.call('TIME')[1], head .. value)
      elseif full and redis.call('XLEN', key) + redis.call('ZCARD', KEYS[4 + full[1]]) >= full[2] then
        redis.call('XADD', KEYS[4 + full[3]], '*', 'v', version, 'n', n, 'r', 'lane full', 'd', value)
      else
        redis.call('XADD', key, '*', 'v', version, 'n', n, 'd', value)
      end
    end
    for _, count in ipairs(counts) do
      local counted = redis.pcall('HINCRBY', KEYS[2], count[1], count[2])
      -- Where no number stood, it begins again: what was written above must not be repeated.
      if type(counted) == 'table' then redis.call('HSET', KEYS[2], count[1], count[2]) end
    end
    if progress and progress[2] ~= '' then
      redis.call('HSET', KEYS[4], id, progress[2])
    else
      if progress then redis.call('HDEL', KEYS[4], id) end
      if group ~= '' then
        redis.call('HDEL', KEYS[3], KEYS[1] .. ' ' .. id)
        redis.call('XACK', KEYS[1], group, id)
        redis.call('XDEL', KEYS[1], id)      -- XLEN stays the backlog
      end
    end
    done = done + 1
  end
end
return done
