/**
 * What runs inside Redis. A script is one step for everybody else, so each checks everything it depends on before its
 * first write; from there on nothing in it can fail. Answers are lists that begin with a word.
 *
 * Time does not occur: not in keys that expire, not in `TIME`. Redis' clock jumps with its machine's.
 */

import type { CompiledCollection } from "../declared.ts";
import { type RedisScript, redisScript } from "./connection.ts";
import { lineFields } from "./documents.ts";
import { CHECK_ELECTION } from "./keys.ts";
import { CHANGE_LEAVES, FIND_LEAVES } from "./leaf-sets.ts";

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
 * secretsId, the format this Hive knows, the lowest epoch. A compare-and-set: another's election, renewal or commit
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
if format ~= ARGV[9] then return {'format', format} end
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
 * Commits: KEYS meta, shapes; ARGV the start of all keys, epoch, electionId, sequence; how many shapes, each with number
 * and text; how many documents must be absent, each with collection and id; then for each collection its number, how
 * many documents are written and how many removed, the order of the written ones' ids (empty: as they are), of each
 * written one the id and the text, and of each removed one the id. No document twice.
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

-- Number of a collection → its keys, its indexes, and of each which lines of a document name its set and its score.
local collections = ${luaCollections(collections)}
${FIND_LEAVES}
${CHANGE_LEAVES}

-- The names of the sets a text belongs to, by index, and its score in each; nothing where it is in none.
local function setsOf(collection, text)
  if not text then return {}, {} end
  local lines, from = {}, (find(text, '\\n', 1, true) or #text) + 1
  from = (find(text, '\\n', from, true) or #text) + 1
  while true do
    local first = byte(text, from)
    local stop = find(text, '\\n', from, true)
    if first == 91 or first == 123 or not stop then break end
    lines[#lines + 1] = sub(text, from, stop - 1)
    from = stop + 1
  end
  local sets, scores = {}, {}
  for k, index in ipairs(collection.indexes) do
    local score = lines[index.score]
    -- Also of a damaged document: what Redis takes for no number would stop the commit halfway.
    local set = score and find(score, '^-?%d[%d.e+-]*$') and tonumber(score) and index.set or false
    for i, line in ipairs(index.lines) do
      local value = lines[line]
      if not set or not value or value == '' then set = false break end
      set = set .. (i == 1 and '' or '\\n') .. value
    end
    if set then sets[k], scores[k] = set, score end
  end
  return sets, scores
end

local function note(lists, set, score, id)
  local list = lists[set]
  if not list then list = {} lists[set] = list end
  list[#list + 1] = score
  list[#list + 1] = id
end

-- From here on everything is written.
${rebuild ? "" : "call('HSET', meta, 'sequence', ARGV[4])"}
for i = 1, shapes do call('HSET', KEYS[2], ARGV[4 + 2 * i], ARGV[5 + 2 * i]) end
local into, outOf = {}, {}
while at <= #ARGV do
  local collection, written, removed = collections[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local indexes, documents = #collection.indexes, collection.documents
  local order, fresh = ARGV[at + 3], {}
  at = at + 4
  for first = 0, written - 1, 1000 do
    local ids, texts = {}, {}
    for i = first, math.min(first + 999, written - 1) do
      local id = ARGV[at + 2 * i]
      ids[#ids + 1] = id
      texts[#texts + 1] = id
      texts[#texts + 1] = ARGV[at + 2 * i + 1]
    end
    local olds = call('HMGET', documents, unpack(ids))
    call('HSET', documents, unpack(texts))
    for n, id in ipairs(ids) do
      local old = olds[n]
      fresh[first + n] = not old and id
      if indexes > 0 then
        local sets, scores = setsOf(collection, texts[2 * n])
        local before, oldScores = ${rebuild ? "{}, {}" : "setsOf(collection, old)"}
        for k = 1, indexes do
          local set, score = sets[k], scores[k]
          if before[k] ~= set or oldScores[k] ~= score then
            if before[k] then note(outOf, before[k], oldScores[k], id) end
            if set then note(into, set, score, id) end
          end
        end
      end
    end
  end
  if order == '' then
    for i = 1, written do if fresh[i] then note(into, collection.ids, '0', fresh[i]) end end
  else
    for place in string.gmatch(order, '%d+') do
      local id = fresh[tonumber(place)]
      if id then note(into, collection.ids, '0', id) end
    end
  end
  at = at + 2 * written
  for first = 0, removed - 1, 1000 do
    local ids = {unpack(ARGV, at + first, at + math.min(first + 999, removed - 1))}
    for n, old in ipairs(call('HMGET', documents, unpack(ids))) do
      local sets, scores = setsOf(collection, old)
      for k = 1, indexes do
        if sets[k] then note(outOf, sets[k], scores[k], ids[n]) end
      end
      if old then note(outOf, collection.ids, '0', ids[n]) end
    end
    call('HDEL', documents, unpack(ids))
  end
  at = at + removed
end
for set, places in pairs(outOf) do take(set, places) end
for set, places in pairs(into) do put(set, places) end
return {'done'}
`);
}

/** Names are letters and digits (declared.ts): nothing in them needs escaping. */
function luaCollections(collections: Iterable<CompiledCollection>): string {
  const entries = [...collections].map((collection) => {
    const { number, name, indexes } = collection;
    const fields = lineFields(collection);
    const each = [...indexes.values()].map((index) => {
      const lines = index.equals.map((field) => fields.indexOf(field) + 1).join(",");
      const score = fields.indexOf(index.range) + 1;
      return `{set=start..'ix:${name}.${index.name}:',lines={${lines}},score=${score}}`;
    });
    return `[${number}]={documents=start..'doc:${name}',ids=start..'ids:${name}',indexes={${each.join(",")}}}`;
  });
  return `{${entries.join(",\n")}}`;
}
