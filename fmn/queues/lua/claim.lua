-- Claim the right to send one notification. The first origin to claim a key owns it.
-- KEYS[1] claim: "<state> <origin> <token> <deaths> <doubt>"
-- ARGV[1] origin   ARGV[2] token of this attempt   ARGV[3] milliseconds it lives
-- ARGV[4] so many deaths of its sender, alone in hand, are enough; 0 where it is not alone, or
--         where an operator said to try whatever happened   ARGV[5] 1 where its deaths are forgotten
-- Returns free, duplicate (another origin owns it), sent (already), doubt (an attempt ended without
-- a word: nobody can say whether it went out), or deadly.
local state, origin, token, deaths, doubt =
  string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+) (%S+) (%d+) (%d)$')
local alone = tonumber(ARGV[4]) > 0
if origin and origin ~= ARGV[1] then return 'duplicate' end
if state == 'sent' then return 'sent' end
deaths, doubt = tonumber(deaths or 0), doubt == '1'
if ARGV[5] == '1' then deaths = 0 end
if state == 'claimed' and token ~= ARGV[2] then
  doubt = true
  if alone and deaths >= tonumber(ARGV[4]) then return 'deadly' end
end
-- Counted before: whoever dies of it cannot. A repeat of this very command, whose answer was lost,
-- is no second attempt.
if alone and token ~= ARGV[2] then deaths = deaths + 1 end
local value = table.concat({'claimed', ARGV[1], ARGV[2], deaths, doubt and 1 or 0}, ' ')
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
return doubt and 'doubt' or 'free'
