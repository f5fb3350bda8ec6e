-- Put messages on a channel. KEYS[1] channel   KEYS[2] counts
-- ARGV[1] who   ARGV[2] version   ARGV[3..] values   Returns how many `who` put here in all.
for i = 3, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'v', ARGV[2], 'n', 1, 'd', ARGV[i])
end
redis.call('HINCRBY', KEYS[2], 'taken', #ARGV - 2)
return redis.call('HINCRBY', KEYS[2], 'put ' .. ARGV[1], #ARGV - 2)
