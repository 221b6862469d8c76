/** Lists documents in the order of a set. */

import { type Cursor, PAGE_BYTES } from "../contract.ts";
import { compareIds, type CompiledQuery } from "../declared.ts";
import { redisScript } from "./connection.ts";
import { FIND_LEAVES } from "./leaf-sets.ts";

/** Documents of a page that are read before their length is known. */
const LOOK_AT_ONCE = 16;

/**
 * A page: KEYS the set (leaf-sets.ts), the documents; ARGV from which place on (score, id), below which one, 1 for
 * descending, and the limit; the page is shorter where documents are large (`PAGE_BYTES`). Answers the ids, their texts,
 * and 1 when more follow.
 */
export const LIST = redisScript(`
${FIND_LEAVES}
local set, documents = KEYS[1], KEYS[2]
local from, below = placeOf(ARGV[1], ARGV[2]), placeOf(ARGV[3], ARGV[4])
local descending, limit = ARGV[5] == '1', tonumber(ARGV[6])

-- One more than the limit, so that it is known whether more follow.
local ids = {}
local function lookAt(leaf)
  local found = call('ZRANGE', leaf.key, 0, -1, 'WITHSCORES')
  if descending then
    for i = #found - 1, 1, -2 do
      local score, id = tonumber(found[i + 1]), found[i]
      if isBefore(score, id, from) then return false end
      if #ids > 0 or isBefore(score, id, below) then ids[#ids + 1] = id end
      if #ids > limit then return false end
    end
  else
    for i = 1, #found, 2 do
      local score, id = tonumber(found[i + 1]), found[i]
      if not isBefore(score, id, below) then return false end
      if #ids > 0 or not isBefore(score, id, from) then ids[#ids + 1] = id end
      if #ids > limit then return false end
    end
  end
  return true
end
local leaf = leafOf(set, descending and below or from)
local at = leaf.entry and call('ZRANK', set .. '\\n', leaf.entry) or 0
while leaf and lookAt(leaf) do
  at = at + (descending and -1 or 1)
  leaf = at >= 0 and leafAt(set, at)
end

-- A few at a time: a page ends where it has become large.
local listed, texts, size = {}, {}, 0
local last = math.min(#ids, limit)
for at = 1, last, ${LOOK_AT_ONCE} do
  for i, text in ipairs(call('HMGET', documents, unpack(ids, at, math.min(at + ${LOOK_AT_ONCE - 1}, last)))) do
    listed[#listed + 1] = ids[at + i - 1]
    texts[#texts + 1] = text
    size = size + (text and #text or 0)
    if size >= ${PAGE_BYTES} then return {listed, texts, #ids > #listed and 1 or 0} end
  end
end
return {listed, texts, #ids > limit and 1 or 0}
`);

/** A place in a set, as Redis writes scores. In order of id all scores are 0. */
interface Place {
  readonly score: number;
  readonly id: string;
}

/** The arguments of `LIST` for a query. */
export function listArguments(query: CompiledQuery): string[] {
  const { index, after, from, below, descending, limit } = query;
  const placeOf = (bound: number | string): Place =>
    index === null ? { score: 0, id: String(bound) } : { score: Number(bound), id: "" };
  let low = from === null ? { score: Number.NEGATIVE_INFINITY, id: "" } : placeOf(from);
  let high = below === null ? { score: Number.POSITIVE_INFINITY, id: "" } : placeOf(below);
  if (after !== null) {
    const cursor = { score: index === null ? 0 : Number(after.range), id: after.id };
    if (descending) high = comesBefore(cursor, high) ? cursor : high;
    else low = comesBefore(cursor, low) ? low : behind(cursor);
  }
  return [textOf(low.score), low.id, textOf(high.score), high.id, descending ? "1" : "", String(limit)];
}

/** The arguments of `LIST` for a page of a whole collection in order of id. */
export function pageOfAll(after: Cursor["id"] | null, limit: number): string[] {
  const low = after === null ? { score: Number.NEGATIVE_INFINITY, id: "" } : behind({ score: 0, id: after });
  return [textOf(low.score), low.id, textOf(Number.POSITIVE_INFINITY), "", "", String(limit)];
}

/** The first place behind this one: no id has a NUL. */
function behind({ score, id }: Place): Place {
  return { score, id: `${id}\0` };
}

function comesBefore(a: Place, b: Place): boolean {
  return a.score < b.score || (a.score === b.score && compareIds(a.id, b.id) < 0);
}

function textOf(score: number): string {
  if (Number.isFinite(score)) return String(score);
  return score > 0 ? "+inf" : "-inf";
}
