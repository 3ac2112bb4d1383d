-- Gives every charge back, never beyond full. The arithmetic is that of countersign_domain::limit::give_back; the
-- calendar is the caller's. What is left keeps the life it has, and unfinished things of which none is left are deleted.
-- KEYS  the limit of each charge, in order; one limit may come more than once
-- ARGV  five for each charge:
--       'rate'        how much earlier it is full, in milliseconds, 0, 0, 0
--       'budget'      the amount, number of the window it was taken in, 0, 0
--       'unfinished'  the amount, number of the slice it was taken in, of the present one, of the last that counts
local EXACT, SLICES = 9007199254740992, 11

local function kept(text)
  local number = tonumber(text)
  return number and number <= EXACT and number or nil
end

local function rate(state, credit)
  local full_at = kept(string.match(state, '^%d+$'))
  return full_at and string.format('%.0f', math.max(math.min(full_at, EXACT) - credit, 0)) or nil
end

local function budget(state, amount, window)
  local seen, used = string.match(state, '^(%d+):(%d+)$')
  seen, used = kept(seen), kept(used)
  if not seen or not used or seen ~= window then
    return nil
  end
  return string.format('%.0f:%.0f', seen, math.max(used - amount, 0))
end

local function unfinished(state, amount, taken, slice, latest)
  local newest, list = string.match(state, '^(%d+)/([%d,]+)$')
  newest = kept(newest)
  if not newest then
    return nil
  elseif newest > latest then
    return ''
  end
  local begun, last = {}, 0
  local now_at = math.max(newest, slice)
  for age = 1, math.min(now_at - newest, SLICES) do
    begun[age] = '0'
  end
  local age = now_at - newest
  for text in string.gmatch(list, '%d+') do
    age = age + 1
    if age <= SLICES then
      local left = tonumber(text)
      if now_at - taken == age - 1 then
        left = math.max(left - amount, 0)
      end
      begun[age] = string.format('%.0f', left)
      last = left > 0 and age or last
    end
  end
  return last > 0 and string.format('%.0f/', now_at) .. table.concat(begun, ',', 1, last) or ''
end

local shapes = {rate = rate, budget = budget, unfinished = unfinished}
for place, key in ipairs(KEYS) do
  local at = place * 5 - 4
  local state = redis.call('GET', key)
  local after = state and shapes[ARGV[at]](state, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]),
    tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]))
  if after == '' then
    redis.call('DEL', key)
  elseif after and after ~= state then
    redis.call('SET', key, after, 'KEEPTTL')
  end
end
return 1
