-- Mode pubsub: publish messages to the one worker of a channel, and count them; who is not
-- there does not hear. KEYS[1] channel   KEYS[2] counts   ARGV values
for _, value in ipairs(ARGV) do
  redis.call('PUBLISH', KEYS[1], value)
end
redis.call('HINCRBY', KEYS[2], 'taken', #ARGV)
redis.call('HINCRBY', KEYS[2], 'published', #ARGV)
return #ARGV
