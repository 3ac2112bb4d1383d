-- Gives every charge back, never beyond full. The arithmetic is that of countersign_domain::limit::give_back.
-- KEYS and ARGV as for take.lua. A limit that is full again is deleted.
local now, grace = tonumber(ARGV[1]), tonumber(ARGV[2])

local function put(key, state, life)
  redis.call('SET', key, state, 'PX', string.format('%.0f', life + grace))
end

for place, key in ipairs(KEYS) do
  local at = place * 4 - 1
  local kind, cost, window = ARGV[at], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local state = redis.call('GET', key) or ''
  if kind == 'rate' then
    local full_at = (tonumber(state) or 0) - cost
    if full_at > now then
      put(key, string.format('%.0f', full_at), full_at - now)
    else
      redis.call('DEL', key)
    end
  else
    local current, used = math.floor(now / window), 0
    local seen, seen_used = string.match(state, '^(%d+):(%d+)$')
    if seen and tonumber(seen) >= current then
      current, used = tonumber(seen), tonumber(seen_used)
    end
    used = used - cost
    if used > 0 then
      put(key, string.format('%.0f:%.0f', current, used), math.max((current + 1) * window - now, 0))
    else
      redis.call('DEL', key)
    end
  end
end
return 1
