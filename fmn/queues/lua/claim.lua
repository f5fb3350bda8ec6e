-- Claim the right to send one notification. The first origin to claim a key owns it.
-- KEYS[1] claim   ARGV[1] origin   ARGV[2] token of this attempt   ARGV[3] milliseconds it lives
-- Returns free, duplicate (another origin owns it), sent (already), or doubt (claimed by an
-- attempt that ended without a word: nobody can say whether it went out).
local state, origin, token = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+) (%S+)$')
local answer = 'free'
if origin and origin ~= ARGV[1] then return 'duplicate' end
if state == 'sent' then return 'sent' end
if state == 'claimed' and token ~= ARGV[2] then answer = 'doubt' end
redis.call('SET', KEYS[1], 'claimed ' .. ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return answer
