-- Takes every charge, or none. The arithmetic is that of countersign_domain::limit::take.
-- KEYS  the limit of each charge, in order; one limit may come more than once
-- ARGV  1 now  2 how much longer than it counts a state lives; then four for each charge:
--       'rate', milliseconds it holds in all, milliseconds the charge costs, 0
--       'budget', amount of a window, amount the charge costs, milliseconds of a window
-- A rate is kept as the moment it is full again, a budget as window:used.
-- Answers {0} when all were taken; otherwise {place of the first refused, milliseconds to wait, or -1 for never}.
local now, grace = tonumber(ARGV[1]), tonumber(ARGV[2])
local states, lives = {}, {}

local function state_of(key)
  return states[key] or redis.call('GET', key) or ''
end

for place, key in ipairs(KEYS) do
  local at = place * 4 - 1
  local kind, all, cost, window = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local state = state_of(key)
  if cost > all then
    return {place, -1}
  end
  if kind == 'rate' then
    local full_at = math.max(tonumber(state) or 0, now) + cost
    if full_at - all > now then
      return {place, full_at - all - now}
    end
    states[key] = string.format('%.0f', full_at)
    lives[key] = full_at - now + grace
  else
    local current, used = math.floor(now / window), 0
    local seen, seen_used = string.match(state, '^(%d+):(%d+)$')
    if seen and tonumber(seen) >= current then
      current, used = tonumber(seen), tonumber(seen_used)
    end
    local ends = (current + 1) * window
    if used + cost > all then
      return {place, math.max(ends - now, 0)}
    end
    states[key] = string.format('%.0f:%.0f', current, used + cost)
    lives[key] = math.max(ends - now, 0) + grace
  end
end

for key, state in pairs(states) do
  redis.call('SET', key, state, 'PX', string.format('%.0f', lives[key]))
end
return {0}
