-- Compare-and-swap of one record, together with its place in the wake-up index.
-- KEYS  1 the record  2 the index of its shard
-- ARGV  1 the version seen, 8 bytes, or empty for no record  2 the new record, its version in front
--       3 its life in milliseconds  4 its wake-up, or empty for none  5 its member in the index
--       6 the life the index gets when its own is shorter than the record's
-- Answers 1 when written; otherwise the record that is there, or nothing.
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return redis.call('GET', KEYS[1])
end
-- A wake-up goes in before its record, so that an index that is none fails the write before anything is written. Out of
-- memory is told by the first command that wants some, and by none after it.
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[5])
  if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[2], ARGV[6])
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[2], ARGV[5])
end
return 1
