-- Erases one record together with its place in the wake-up index.
-- KEYS  1 the record  2 the index of its shard
-- ARGV  1 the version seen, 8 bytes  2 its member in the index
-- Answers 1 when nothing is stored any more; otherwise the record that is there.
local there = redis.call('GETRANGE', KEYS[1], 0, 7)
if there ~= '' and there ~= ARGV[1] then
  return redis.call('GET', KEYS[1])
end
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
return 1
