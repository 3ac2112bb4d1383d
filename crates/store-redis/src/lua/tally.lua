-- Adds up what happened, once for each batch.
-- KEYS  1 the batch; then the day of each tally, in order; one day may come more than once
-- ARGV  1 how long the batch is remembered  2 the most a count goes to
--       3 how much longer than it needs a day lives, so that its life is not moved with every batch
--       then three for each tally: its hour, its count, and the life its day needs
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then
  return 0
end
local most = tonumber(ARGV[2])

for place = 2, #KEYS do
  local key, at = KEYS[place], place * 3 - 2
  local count = redis.call('HINCRBY', key, ARGV[at], ARGV[at + 1])
  if count > most then
    redis.call('HINCRBY', key, ARGV[at], string.format('%.0f', most - count))
  end
  if redis.call('PTTL', key) < tonumber(ARGV[at + 2]) then
    redis.call('PEXPIRE', key, string.format('%.0f', ARGV[at + 2] + ARGV[3]))
  end
end
return 1
