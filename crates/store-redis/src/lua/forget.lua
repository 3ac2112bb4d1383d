-- Takes a recipient out of the wake-up index if its record is gone.
-- KEYS  1 the record  2 the index of its shard
-- ARGV  1 its member in the index
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 1
