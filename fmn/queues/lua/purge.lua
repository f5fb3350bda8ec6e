-- Put what is left of an entry in its place, or nothing, unless it moved on or somebody has it in
-- hand. What is left goes to the end of a stream, and keeps its time among retries.
--
-- KEYS[1] stream or retry zset   KEYS[2] counts
-- ARGV[1] id of the entry, or the member   ARGV[2] what is left, '' for nothing: a value or a member
-- ARGV[3] JSON list of counts [[field, by]…]
-- ARGV[4] for a stream its group, or '-' where it has none   ARGV[5] version   ARGV[6] n of what is left
-- Returns 1 where it did so, else 0.
local queue, entry, rest = KEYS[1], ARGV[1], ARGV[2]

local function pending(group)
  local found = redis.pcall('XPENDING', queue, group, entry, entry, 1)
  return not found.err and #found > 0  -- no such group: nobody ever read here
end

if ARGV[4] then
  local found = redis.call('XRANGE', queue, entry, entry)[1]
  if not found then return 0 end
  if ARGV[4] ~= '-' and pending(ARGV[4]) then return 0 end
  if rest ~= '' then
    local fields = found[2]  -- what else it says of itself stays, as why it is held
    for i = 1, #fields, 2 do
      local new = ({v = ARGV[5], n = ARGV[6], d = rest})[fields[i]]
      fields[i + 1] = new or fields[i + 1]
    end
    redis.call('XADD', queue, '*', unpack(fields))
  end
  redis.call('XDEL', queue, entry)
else
  local due = redis.call('ZSCORE', queue, entry)
  if not due then return 0 end
  if rest ~= '' then redis.call('ZADD', queue, due, rest) end
  redis.call('ZREM', queue, entry)
end
for _, count in ipairs(cjson.decode(ARGV[3])) do
  redis.call('HINCRBY', KEYS[2], count[1], count[2])
end
return 1
