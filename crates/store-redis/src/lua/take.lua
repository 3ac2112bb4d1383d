-- Takes every charge, or none. The arithmetic is that of countersign_domain::limit::weigh; the calendar is the caller's.
-- KEYS  the limit of each charge, in order; one limit may come more than once
-- ARGV  1 now  2 how much longer than it counts a state lives; then for each charge its
--       shape, mode ('refuse', 'shadow' or 'always'), how much there is in all, how much the charge costs, and of
--       'rate'        nothing more (all and cost are milliseconds)
--       'budget'      number of the present window, its end, the end of the next one, number of the last that counts
--       'unfinished'  number of the present slice, its length, number of the last that counts
-- States are as in limits.rs; a full moment is a number here, which Redis writes with all its digits. Answers {0, then
-- for each charge its state ('' for none) and whether it was over (1 or 0)} when all were taken; otherwise {place of the
-- charge that waits longest, milliseconds to wait, or -1 for never}.
-- Every start comes through here with a dozen charges: what most of them do not need is worked out for the others only.
local EXACT, AMOUNT_MAX, SLICES = 9007199254740992, 4294967295, 11
local SLICED = '^(%d+)/(%d+),?(%d*),?(%d*),?(%d*),?(%d*),?(%d*),?(%d*),?(%d*),?(%d*),?(%d*),?(%d*)'
local ARGV, tonumber, type, find, match = ARGV, tonumber, type, string.find, string.match
local now, grace = tonumber(ARGV[1]), tonumber(ARGV[2])

-- A number that was kept, if it is one that counts exactly.
local function kept(text)
  local number = tonumber(text)
  return number and number <= EXACT and number or nil
end

-- All digits of a number; of those with more than fourteen the language itself would round.
local function digits(number)
  return number < 1e14 and number .. '' or string.format('%.0f', number)
end

local function rate(state, all, cost)
  local full_at = now
  -- A number, if a charge before this one left it.
  if state and (type(state) == 'number' or not find(state, '%D')) then
    local held = kept(state)
    full_at = held and held > now and held or now
  end
  local wait = full_at - now - (all - cost)
  full_at = full_at + cost
  full_at = full_at < EXACT and full_at or EXACT
  return wait > 0, wait, full_at, full_at
end

local function budget(state, all, cost, at)
  local window, ends, used = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), 0
  local seen, seen_used = match(state or '', '^(%d+):(%d+)$')
  seen, seen_used = kept(seen), kept(seen_used)
  if seen and seen_used and seen >= window and seen <= tonumber(ARGV[at + 7]) then
    ends = math.min(ends + (seen - window) * (tonumber(ARGV[at + 6]) - ends), EXACT)
    window, used = seen, seen_used
  end
  local after = digits(window) .. ':' .. digits(math.min(used + cost, EXACT))
  return used > all - cost, math.max(ends - now, 0), after, ends
end

-- How many began in the newest slice and in those before it, their sum, and the last that is not zero.
local function begun_since(list, newest, slice)
  local begun, sum, last, gone = {0}, 0, 1, math.max(slice - newest, 0)
  for age = 2, math.min(gone, SLICES) do
    begun[age] = 0
  end
  for age = gone + 1, SLICES do
    local amount = tonumber(list[age - gone + 1])
    if not amount then
      break
    end
    begun[age], sum = amount, sum + amount
    last = amount > 0 and age or last
  end
  return begun, sum, last
end

local function unfinished(state, all, cost, at)
  local slice, length = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local newest, begun, sum, last = slice, {0}, 0, 1
  local list = state and {match(state, SLICED)}
  local seen = list and kept(list[1])
  if seen and seen <= tonumber(ARGV[at + 6]) then
    begun, sum, last = begun_since(list, seen, slice)
    newest = seen > slice and seen or slice
  end
  local is_over, wait = sum > all - cost, 0
  if is_over then
    -- When enough of the oldest are gone.
    local left, room_at = sum, newest
    for age = SLICES, 1, -1 do
      if left <= all - cost then
        break
      end
      left, room_at = left - (begun[age] or 0), room_at + 1
    end
    wait = math.max(math.min(room_at * length, EXACT) - now, 0)
  end
  begun[1] = math.min(begun[1] + cost, AMOUNT_MAX)
  local after = digits(newest) .. '/' .. table.concat(begun, ',', 1, last)
  return is_over, wait, after, math.min((newest + SLICES) * length, EXACT)
end

local shapes, lengths = {rate = rate, budget = budget, unfinished = unfinished}, {rate = 4, budget = 8, unfinished = 7}
local held = redis.call('MGET', unpack(KEYS))
-- By place: the state a charge leaves and how long it lives. And by key: the last place that left one.
local states, lives, last = {}, {}, {}
local answer = {0}
local worst, worst_wait = 0, 0
local at, count = 3, #KEYS

for place = 1, count do
  local key, shape, mode = KEYS[place], ARGV[at], ARGV[at + 1]
  local all, cost = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local before = last[key]
  local state = before and states[before] or held[place]
  local is_over, wait, after, until_ = shapes[shape](state, all, cost, at)
  if cost > all then
    is_over, wait = true, math.huge
  end
  if is_over and mode == 'refuse' and (worst == 0 or wait > worst_wait) then
    worst, worst_wait = place, wait
  end
  if not is_over or mode == 'always' then
    state = after
    states[place], lives[place], last[key] = after, (until_ > now and until_ - now or 0) + grace, place
  end
  answer[place * 2], answer[place * 2 + 1] = state or '', is_over and 1 or 0
  at = at + lengths[shape]
end

if worst > 0 then
  return {worst, worst_wait == math.huge and -1 or worst_wait}
end
for place = 1, count do
  local key = KEYS[place]
  if last[key] == place then
    redis.call('SET', key, states[place], 'PX', lives[place])
  end
end
return answer
