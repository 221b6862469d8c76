/**
 * What runs inside Redis. A script is one step for everybody else, so each checks everything it depends on before its
 * first write; from there on nothing in it can fail. Answers are lists that begin with a word.
 *
 * Time does not occur: not in keys that expire, not in `TIME`. Redis' clock jumps with its machine's.
 */

import type { CompiledCollection } from "../declared.ts";
import { type RedisScript, redisScript } from "./connection.ts";
import { CHECK_ELECTION } from "./keys.ts";

/** The fields of `meta`, in the order `readRecord` of election.ts takes them. */
export const META_FIELDS = [
  "epoch",
  "electionId",
  "sequence",
  "beat",
  "released",
  "url",
  "proof",
  "format",
  "secrets",
] as const;

/**
 * Elects: KEYS meta; ARGV what was seen (electionId, beat, sequence, released), then the new electionId, url, proof,
 * secretsId, the newest format this Hive knows, the lowest epoch. A compare-and-set: another's election, renewal or commit
 * meanwhile refuses it. Other secrets are taken over only after a clean stop. Answers `elected, epoch, format` | `moved` |
 * `secrets` | `format, n`.
 */
export const ELECT = redisScript(`
local meta = KEYS[1]
local now = redis.call('HMGET', meta, 'electionId', 'beat', 'sequence', 'released', 'epoch', 'format', 'secrets')
for i = 1, 4 do
  if (now[i] or '') ~= ARGV[i] then return {'moved'} end
end
if now[7] and now[7] ~= ARGV[8] and now[4] ~= '1' then return {'secrets'} end
local format = now[6] or ARGV[9]
if tonumber(format) > tonumber(ARGV[9]) then return {'format', format} end
local epoch = string.format('%d', math.max(tonumber(now[5] or '0') + 1, tonumber(ARGV[10])))
redis.call('HSET', meta, 'epoch', epoch, 'electionId', ARGV[5], 'sequence', '0', 'beat', '0', 'released', '0',
  'url', ARGV[6], 'proof', ARGV[7], 'secrets', ARGV[8], 'format', format)
return {'elected', epoch, format}
`);

/**
 * Renews: KEYS meta; ARGV epoch, electionId, the last commit that was acknowledged. A Redis that lost that one (it was
 * started again with `everysec`, or a replica took its place) is not the one this election was won on.
 * Answers `done` | `fenced, epoch, sequence`.
 */
export const RENEW = redisScript(`
local meta, epoch, electionId = KEYS[1], ARGV[1], ARGV[2]
${CHECK_ELECTION}
if sequence < tonumber(ARGV[3]) then return {'fenced', epoch, sequence} end
redis.call('HINCRBY', meta, 'beat', 1)
return {'done'}
`);

/** Gives the leadership back: KEYS and ARGV as for `RENEW`. */
export const RELEASE = redisScript(`
local meta, epoch, electionId = KEYS[1], ARGV[1], ARGV[2]
${CHECK_ELECTION}
redis.call('HSET', meta, 'released', '1')
return {'done'}
`);

/**
 * Notes that a collection's indexes are as declared now: KEYS meta, declared; ARGV epoch, electionId, collection, indexes.
 */
export const DECLARE = redisScript(`
local meta, epoch, electionId = KEYS[1], ARGV[1], ARGV[2]
${CHECK_ELECTION}
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return {'done'}
`);

/** Removes keys: KEYS meta and those to remove; ARGV epoch, electionId. */
export const REMOVE_KEYS = redisScript(`
local meta, epoch, electionId = KEYS[1], ARGV[1], ARGV[2]
${CHECK_ELECTION}
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
return {'done'}
`);

/**
 * Documents: KEYS meta; ARGV the start of all keys, then for each collection asked for its name, how many ids, the ids.
 * Answers the texts in the order asked, false for what is not there.
 */
export const GET = redisScript(`
local start, at, found = ARGV[1], 2, {}
while at <= #ARGV do
  local documents, last = start .. 'doc:' .. ARGV[at], at + 1 + tonumber(ARGV[at + 1])
  -- Lua hands over some thousand values at once, and no more.
  for from = at + 2, last, 1000 do
    local texts = redis.call('HMGET', documents, unpack(ARGV, from, math.min(from + 999, last)))
    for i = 1, #texts do found[#found + 1] = texts[i] end
  end
  at = last + 1
end
return found
`);

/**
 * A page: KEYS the sorted set, the documents; ARGV \`id\` (a set in order of id) or \`range\`, then the bounds as Redis
 * writes them (empty: none): from, below; then "" or 1 with the range and id of the cursor; then 1 for descending, and
 * the limit. Answers the ids, their texts, and 1 when more follow.
 *
 * Places in the set are found first, and the page is a run of places: so ties are in order of id, also behind a cursor
 * whose document is gone.
 */
export const LIST = redisScript(`
local set, documents = KEYS[1], KEYS[2]
local byId, from, below, hasCursor = ARGV[1] == 'id', ARGV[2], ARGV[3], ARGV[4] == '1'
local afterRange, afterId, descending, limit = ARGV[5], ARGV[6], ARGV[7] == '1', tonumber(ARGV[8])

-- Lua's own comparison of texts follows the machine's language; the order here is that of bytes.
local function isBelow(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- How many come before this place in the order; with it, when it is there itself.
local function before(range, id, inclusive)
  if byId then return redis.call('ZLEXCOUNT', set, '-', (inclusive and '[' or '(') .. id) end
  local low = redis.call('ZCOUNT', set, '-inf', '(' .. range)
  local high = low + redis.call('ZCOUNT', set, range, range)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = redis.call('ZRANGE', set, middle, middle)[1]
    if isBelow(other, id) or (inclusive and other == id) then low = middle + 1 else high = middle end
  end
  return low
end
local function bound(value)
  if byId then return redis.call('ZLEXCOUNT', set, '-', '(' .. string.sub(value, 2)) end
  return redis.call('ZCOUNT', set, '-inf', '(' .. value)
end

local low = from == '' and 0 or bound(from)
local high = below == '' and redis.call('ZCARD', set) or bound(below)
if hasCursor then
  if descending then high = math.min(high, before(afterRange, afterId, false))
  else low = math.max(low, before(afterRange, afterId, true)) end
end
if low >= high then return {{}, {}, 0} end
local ids = {}
if descending then
  local found = redis.call('ZRANGE', set, math.max(low, high - limit), high - 1)
  for i = #found, 1, -1 do ids[#ids + 1] = found[i] end
else
  ids = redis.call('ZRANGE', set, low, math.min(high, low + limit) - 1)
end
return {ids, redis.call('HMGET', documents, unpack(ids)), high - low > limit and 1 or 0}
`);

/**
 * Commits: KEYS meta, shapes; ARGV the start of all keys, epoch, electionId, sequence; how many shapes, each with number
 * and names; how many documents must be absent, each with collection and id; then for each collection its number, how
 * many documents are written and how many removed, of each written one the id, the text and the score for each index
 * (empty: not in it), and of each removed one the id. No document twice.
 * Answers `done` | `fenced, epoch, sequence` | `there, collection, id`.
 *
 * Commands are given many members at once: one by one, a commit of waiting jobs took Redis three times as long.
 *
 * With `rebuild` the sequence does not count, and old index entries are not looked for: there are none, and the documents'
 * texts tell of other indexes.
 */
export function commitScript(collections: Iterable<CompiledCollection>, { rebuild = false } = {}): RedisScript {
  return redisScript(`
local meta, start, epoch, electionId = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
${CHECK_ELECTION}
${rebuild ? "" : "if tonumber(ARGV[4]) ~= sequence + 1 then return {'fenced', epoch, sequence} end"}
local shapes = tonumber(ARGV[5])
local at = 6 + 2 * shapes
for i = 1, tonumber(ARGV[at]) do
  if redis.call('HEXISTS', start .. 'doc:' .. ARGV[at + 2 * i - 1], ARGV[at + 2 * i]) == 1 then
    return {'there', ARGV[at + 2 * i - 1], ARGV[at + 2 * i]}
  end
end
at = at + 1 + 2 * tonumber(ARGV[at])

-- Number of a collection → its keys, its indexes, and of each which lines of a document name its set.
local collections = ${luaCollections(collections)}
local find, sub, byte, call = string.find, string.sub, string.byte, redis.call

-- The names of the sets a text belongs to, by index; false where a line is empty.
local function setsOf(collection, text)
  local lines, from = {}, (find(text, '\\n', 1, true) or #text) + 1
  from = (find(text, '\\n', from, true) or #text) + 1
  while true do
    local first = byte(text, from)
    local stop = find(text, '\\n', from, true)
    if first == 91 or first == 123 or not stop then break end
    lines[#lines + 1] = sub(text, from, stop - 1)
    from = stop + 1
  end
  local sets = {}
  for k, index in ipairs(collection.indexes) do
    local set = index.set
    for i, line in ipairs(index.lines) do
      local value = lines[line]
      if not value or value == '' then set = false break end
      set = set .. (i == 1 and '' or '\\n') .. value
    end
    sets[k] = set
  end
  return sets
end

-- A command with any number of members: Lua hands over some thousand values at once, and no more.
local function inParts(command, key, values)
  for from = 1, #values, 2000 do call(command, key, unpack(values, from, math.min(from + 1999, #values))) end
end
local function note(lists, set, one, other)
  local list = lists[set]
  if not list then list = {} lists[set] = list end
  list[#list + 1] = one
  if other then list[#list + 1] = other end
end

-- From here on everything is written.
${rebuild ? "" : "call('HSET', meta, 'sequence', ARGV[4])"}
for i = 1, shapes do call('HSET', KEYS[2], ARGV[4 + 2 * i], ARGV[5 + 2 * i]) end
local into, outOf = {}, {}
while at <= #ARGV do
  local collection, written, removed = collections[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local indexes, documents = #collection.indexes, collection.documents
  local width = 2 + indexes
  at = at + 3
  for first = 0, written - 1, 1000 do
    local ids, texts, fresh = {}, {}, {}
    for i = first, math.min(first + 999, written - 1) do
      local id = ARGV[at + i * width]
      ids[#ids + 1] = id
      texts[#texts + 1] = id
      texts[#texts + 1] = ARGV[at + i * width + 1]
    end
    local olds = call('HMGET', documents, unpack(ids))
    call('HSET', documents, unpack(texts))
    for n, id in ipairs(ids) do
      local old, place = olds[n], at + (first + n - 1) * width + 1
      if not old then
        fresh[#fresh + 1] = 0
        fresh[#fresh + 1] = id
      end
      if indexes > 0 then
        local sets = setsOf(collection, ARGV[place])
        local before = ${rebuild ? "{}" : "old and setsOf(collection, old) or {}"}
        for k = 1, indexes do
          local score = ARGV[place + k]
          local set = score ~= '' and sets[k]
          if before[k] and before[k] ~= set then note(outOf, before[k], id) end
          if set then note(into, set, score, id) end
        end
      end
    end
    if #fresh > 0 then call('ZADD', collection.ids, unpack(fresh)) end
  end
  at = at + written * width
  for first = 0, removed - 1, 1000 do
    local ids = {unpack(ARGV, at + first, at + math.min(first + 999, removed - 1))}
    if indexes > 0 then
      for n, old in ipairs(call('HMGET', documents, unpack(ids))) do
        for _, set in ipairs(old and setsOf(collection, old) or {}) do
          if set then note(outOf, set, ids[n]) end
        end
      end
    end
    call('HDEL', documents, unpack(ids))
    call('ZREM', collection.ids, unpack(ids))
  end
  at = at + removed
end
for set, ids in pairs(outOf) do inParts('ZREM', set, ids) end
for set, places in pairs(into) do inParts('ZADD', set, places) end
return {'done'}
`);
}

/** Names are letters and digits (declared.ts): nothing in them needs escaping. */
function luaCollections(collections: Iterable<CompiledCollection>): string {
  const entries = [...collections].map(({ number, name, equalsFields, indexes }) => {
    const each = [...indexes.values()].map((index) => {
      const lines = index.equals.map((field) => equalsFields.indexOf(field) + 1).join(",");
      return `{set=start..'ix:${name}.${index.name}:',lines={${lines}}}`;
    });
    return `[${number}]={documents=start..'doc:${name}',ids=start..'ids:${name}',indexes={${each.join(",")}}}`;
  });
  return `{${entries.join(",\n")}}`;
}
