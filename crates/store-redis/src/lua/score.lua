-- Changes scores, once for each batch.
-- KEYS  1 the batch; then the score of each change, in order; one score may come more than once
-- ARGV  1 how long the batch is remembered  2 how long a score lives  3 the most a score counts to
--       then the points of each change
-- Answers with the score after each change, or with the scores as they are when the batch counted before.
local is_new = redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1])
local most, scores = tonumber(ARGV[3]), {}

for place = 2, #KEYS do
  local key = KEYS[place]
  local score = tonumber(string.match(redis.call('GET', key) or '', '^%d+$')) or 0
  if is_new then
    score = math.min(math.max(score + tonumber(ARGV[place + 2]), 0), most)
    if score > 0 then
      redis.call('SET', key, string.format('%.0f', score), 'PX', ARGV[2])
    else
      redis.call('DEL', key)
    end
  end
  scores[place - 1] = score
end
return scores
