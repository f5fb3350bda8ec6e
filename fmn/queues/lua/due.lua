-- Move chunks whose time has come from the retries of a lane back into the lane.
-- KEYS[1] retry   KEYS[2] outbox   ARGV[1] at most   Returns how many moved.
local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1], 'LIMIT', 0, ARGV[1])
for _, member in ipairs(members) do
  local version, n, line = string.match(member, '^%S+ (%d+) (%d+)()\n')
  if version then
    redis.call('XADD', KEYS[2], '*', 'v', version, 'n', n, 'd', string.sub(member, line + 1))
  else
    -- Somebody put it there by hand. Without a version it becomes a dead letter in the lane.
    redis.call('XADD', KEYS[2], '*', 'member', member)
  end
  redis.call('ZREM', KEYS[1], member)
end
return #members
