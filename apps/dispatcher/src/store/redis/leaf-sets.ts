/**
 * Large sorted sets in little memory. Redis keeps a sorted set of up to 128 short members in one piece of some 35 bytes a
 * member, and a larger one in 130. So a set here has at most 64 members, and where there are more of them it is several
 * such sets, the leaves, in order, and a directory that says where each begins: a B-tree of two levels.
 *
 *     <set>             the first leaf; the only one while there is no directory
 *     <set>\n<number>   another leaf
 *     <set>\n           the directory: for each leaf `<id>\0<number>` (empty: the first) with a score. Its members are not
 *                       before that score and id. The first has -inf and no id
 *
 * A place is a score and an id, ties in order of the ids' bytes, as Redis itself sorts. A leaf goes when it is empty, and
 * the directory when one leaf is left. All of it is Lua, for scripts: nothing here can fail once `meta`, the key that
 * counts the leaves ever made, is a hash.
 */

import { type RedisScript, redisScript } from "./connection.ts";

/** Members of a leaf, at most: half of what every Redis since 7 keeps in one piece. */
const MOST = 64;
/** Of a full last leaf this many stay when it is divided: what comes next mostly comes behind it. */
const KEPT_OF_LAST = 56;

/** Lua: finds leaves. */
export const FIND_LEAVES = `
local find, sub, byte, call = string.find, string.sub, string.byte, redis.call

-- Lua's own comparison of texts follows the machine's language; the order here is that of bytes.
local function isBelow(a, b)
  -- Ids often begin alike.
  for i = sub(a, 1, 12) == sub(b, 1, 12) and 13 or 1, math.min(#a, #b) do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
-- Whether a score and id come before a place, or before all that is in a leaf.
local function isBefore(score, id, place)
  return score < place.score or score == place.score and isBelow(id, place.id)
end

-- The leaf of an entry of the directory and its score; nil for none.
local function leafFrom(set, found)
  local entry = found[1]
  if not entry then return nil end
  local stop = find(entry, '\\0', 1, true) or #entry + 1
  local number = sub(entry, stop + 1)
  return {entry = entry, number = number, key = number == '' and set or set .. '\\n' .. number,
    score = tonumber(found[2]), id = sub(entry, 1, stop - 1)}
end
-- The leaf at this place of the directory, from 0, or from the end with -1; nil where there is none.
local function leafAt(set, at)
  return leafFrom(set, call('ZRANGE', set .. '\\n', at, at, 'WITHSCORES'))
end

-- The leaf that a place belongs to, and in it the next one, if it has one.
local function leafOf(set, place)
  local directory, text = set .. '\\n', place.text
  local last = leafAt(set, -1)
  if not last then return {key = set} end
  if not isBefore(place.score, place.id, last) then return last end
  local next = leafFrom(set, call('ZRANGEBYSCORE', directory, text, '+inf', 'WITHSCORES', 'LIMIT', 0, 1))
  local leaf
  if next.score > place.score then
    leaf = leafFrom(set, call('ZREVRANGEBYSCORE', directory, '(' .. text, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)) or next
  else
    -- Some begin with this score: among them the id counts.
    local low = call('ZCOUNT', directory, '-inf', '(' .. text)
    local high = low + call('ZCOUNT', directory, text, text)
    while low < high do
      local middle = math.floor((low + high) / 2)
      if isBefore(place.score, place.id, leafAt(set, middle)) then high = middle else low = middle + 1 end
    end
    leaf, next = leafAt(set, math.max(low - 1, 0)), leafAt(set, math.max(low, 1))
  end
  leaf.next = next
  return leaf
end

local function placeOf(text, id)
  return {text = text, score = tonumber(text), id = id}
end
`;

/**
 * Lua, behind `FIND_LEAVES`: `put` and `take` change sets. Places are a list of score, id, score, id …, best in order: then
 * leaves are filled to the end, and few of them looked for. Needs `meta`.
 */
export const CHANGE_LEAVES = `
-- Whether a place belongs to this leaf.
local function isIn(leaf, place)
  if leaf.score and isBefore(place.score, place.id, leaf) then return false end
  return not leaf.next or isBefore(place.score, place.id, leaf.next)
end

-- Makes room in a full leaf for a place that belongs there.
local function divide(set, leaf, place)
  local directory = set .. '\\n'
  if not leaf.entry then call('ZADD', directory, '-inf', '\\0') end
  local number = string.format('%d', call('HINCRBY', meta, 'leaves', 1))
  local last = call('ZRANGE', leaf.key, -1, -1, 'WITHSCORES')
  if not leaf.next and isBefore(tonumber(last[2]), last[1], place) then
    call('ZADD', directory, place.text, place.id .. '\\0' .. number)
    return
  end
  local from = leaf.next and ${MOST / 2} or ${KEPT_OF_LAST}
  local found, moved = call('ZRANGE', leaf.key, from, -1, 'WITHSCORES'), {}
  for i = 1, #found, 2 do moved[i], moved[i + 1] = found[i + 1], found[i] end
  call('ZADD', directory .. number, unpack(moved))
  call('ZREMRANGEBYRANK', leaf.key, from, -1)
  call('ZADD', directory, moved[1], moved[2] .. '\\0' .. number)
end

local function put(set, places)
  local at, leaf = 1, nil
  while at < #places do
    local place = placeOf(places[at], places[at + 1])
    if not leaf or not isIn(leaf, place) then
      leaf = leafOf(set, place)
      leaf.count = call('ZCARD', leaf.key)
    end
    if leaf.count >= ${MOST} then
      divide(set, leaf, place)
      leaf = nil
    else
      local from = at
      repeat
        leaf.count, at = leaf.count + 1, at + 2
        if leaf.count >= ${MOST} or at > #places then break end
        place.text, place.score, place.id = places[at], tonumber(places[at]), places[at + 1]
      until not isIn(leaf, place)
      call('ZADD', leaf.key, unpack(places, from, at - 1))
      -- Some may have been there already: it is counted anew before it is divided.
      if leaf.count >= ${MOST} then leaf = nil end
    end
  end
end

-- Takes an empty leaf out of the directory.
local function drop(set, leaf)
  local directory = set .. '\\n'
  call('ZREM', directory, leaf.entry)
  local first = leafAt(set, 0)
  if not first then return end
  if first.score > -math.huge then
    call('ZREM', directory, first.entry)
    call('ZADD', directory, '-inf', '\\0' .. first.number)
  end
  if call('ZCARD', directory) > 1 then return end
  if first.key ~= set and call('EXISTS', first.key) == 1 then call('RENAME', first.key, set) end
  call('DEL', directory)
end

local function take(set, places)
  local at = 1
  while at < #places do
    local place, gone = placeOf(places[at], places[at + 1]), {}
    local leaf = leafOf(set, place)
    repeat
      gone[#gone + 1], at = place.id, at + 2
      if at > #places or #gone >= 1000 then break end
      place.text, place.score, place.id = places[at], tonumber(places[at]), places[at + 1]
    until not isIn(leaf, place)
    call('ZREM', leaf.key, unpack(gone))
    if leaf.entry and call('EXISTS', leaf.key) == 0 then drop(set, leaf) end
  end
end
`;

/** How many are in a set: KEYS the set. */
export const COUNT = redisScript(`
${FIND_LEAVES}
local count, at, leaf = 0, 0, leafAt(KEYS[1], 0)
if not leaf then return call('ZCARD', KEYS[1]) end
while leaf do
  count = count + call('ZCARD', leaf.key)
  at = at + 1
  leaf = leafAt(KEYS[1], at)
end
return count
`);

/**
 * All of a set: KEYS the set. Answers for each leaf its key, where it begins (score, id), how many are in it, and of each
 * the id and the score. For sets of a size that one answer can have.
 */
export const WALK: RedisScript = redisScript(`
${FIND_LEAVES}
local all, at, leaf = {}, 0, leafAt(KEYS[1], 0) or {key = KEYS[1], score = '-inf', id = ''}
while leaf do
  local found = call('ZRANGE', leaf.key, 0, -1, 'WITHSCORES')
  all[#all + 1] = leaf.key
  all[#all + 1] = tostring(leaf.score)
  all[#all + 1] = leaf.id
  all[#all + 1] = tostring(#found / 2)
  for i = 1, #found do all[#all + 1] = found[i] end
  at = at + 1
  leaf = leafAt(KEYS[1], at)
end
return all
`);
