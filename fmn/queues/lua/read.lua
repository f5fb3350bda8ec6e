-- Read what is new on the first of these streams that has anything, in one look.
-- KEYS streams, in the order in which they are wanted   ARGV[1] group   ARGV[2] name   ARGV[3] at most
-- Returns {place of the stream, its entries}, or nothing.
for place, stream in ipairs(KEYS) do
  local found = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', stream, '>')
  if found then return {place, found[1][2]} end
end
return nil
