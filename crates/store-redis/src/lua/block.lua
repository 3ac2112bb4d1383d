-- Compare-and-swap of one block, together with its place in the index of blocks; empties the score of its bucket.
-- KEYS  1 the block  2 the index of its shard  3 the score
-- ARGV  1 the version seen, 8 bytes, or empty for no block  2 the new block, its version in front, or empty for none
--       3 its life in milliseconds  4 when it was raised  5 its member in the index
--       6 the life the index gets when its own is shorter than the block's
-- Answers 1 when written, and 0 when another version is there.
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[2], ARGV[5])
  redis.call('DEL', KEYS[1])
else
  -- The index goes first, for the reasons swap.lua gives.
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[5])
  if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[2], ARGV[6])
  end
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('DEL', KEYS[3])
return 1
