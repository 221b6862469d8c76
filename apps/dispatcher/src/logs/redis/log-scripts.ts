/**
 * What runs inside Redis for logs and artifacts. Each script checks the election and the fence before its first write:
 * a dispatcher that slept while another took over, or a request that slept while its lease ended, writes nothing.
 */

import { redisScript } from "../../store/redis/connection.ts";
import { CHECK_ELECTION } from "../../store/redis/keys.ts";

/** The beginning of a log that is stored once more at its end, in bytes. */
const TRIMMED_BYTES = 65_536;

/** Needs `meta`, `epoch`, `electionId`, `committed`; an empty epoch: nobody else can write here (tests). */
const CHECK_POSITION = `
if epoch ~= '' then
${CHECK_ELECTION}
  if sequence < tonumber(committed) then return {'fenced', epoch, sequence} end
end
`;

/** Needs `job` and `fence` too. */
const CHECK = `
${CHECK_POSITION}
local highest = tonumber(redis.call('HGET', job, 'highest') or '-1')
if tonumber(fence) < highest then return {'lost', string.format('%.0f', highest)} end
local function see()
  if tonumber(fence) > highest then redis.call('HSET', job, 'highest', fence) end
end
`;

/**
 * Says that a fence was seen: KEYS meta, job; ARGV epoch, electionId, committed, fence.
 * Answers `done` | `lost, highest` | `fenced, epoch, sequence`, as all scripts here.
 */
export const SEE_FENCE = redisScript(`
local meta, job = KEYS[1], KEYS[2]
local epoch, electionId, committed, fence = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
${CHECK}
see()
return {'done'}
`);

/**
 * Goes on with a log: KEYS meta, job, head, tail; ARGV epoch, electionId, committed, fence, the state it must be in (empty: none),
 * then of its new state bytes, crc32, sealed, head and headCrc32; the offset below which the tail is forgotten, the bytes
 * for the head, and the pieces for the tail: id, checksum and bytes each. Answers also `moved, state` and, when done, the new state.
 *
 * A string that grew has room to grow on, up to as much again. One that is over is stored once more, in what it needs,
 * where that is not much to write.
 */
export const WRITE_LOG = redisScript(`
local meta, job, head, tail = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, electionId, committed, fence = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
${CHECK}
local state = redis.call('HGET', job, fence) or ''
if state ~= ARGV[5] then return {'moved', state} end
see()
if ARGV[12] ~= '' then redis.call('APPEND', head, ARGV[12]) end
for i = 13, #ARGV, 3 do redis.call('XADD', tail, ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
if #ARGV > 12 then redis.call('XTRIM', tail, 'MINID', ARGV[11]) end
if ARGV[8] == '1' and tonumber(ARGV[9]) <= ${TRIMMED_BYTES} then
  local said = redis.call('GET', head)
  if said then redis.call('SET', head, said) end
end
-- What is missing begins where the head ends, and ends where the first piece of the tail begins.
local from = ARGV[9]
local first = redis.call('XRANGE', tail, '-', '+', 'COUNT', 1)[1]
if first then from = string.match(first[1], '^%d+') end
state = table.concat({ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], from}, ' ')
redis.call('HSET', job, fence, state)
return {'done', state}
`);

/**
 * Gives an artifact that has come whole its name: KEYS meta, job, partial, partials, artifact; ARGV epoch, electionId, committed,
 * fence, the artifact's field, its value, how many pieces it has, how many artifacts an attempt may have, the start of
 * the fields of this attempt. Answers also `there, value` | `full` | `gone` (the pieces are).
 */
export const PLACE_ARTIFACT = redisScript(`
local meta, job, partial, partials, artifact = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local epoch, electionId, committed, fence, field = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
${CHECK}
local there = redis.call('HGET', job, field)
if there then return {'there', there} end
local count, start = 0, ARGV[9]
for _, name in ipairs(redis.call('HKEYS', job)) do
  if string.sub(name, 1, #start) == start then count = count + 1 end
end
if count >= tonumber(ARGV[8]) then return {'full'} end
if redis.call('LLEN', partial) ~= tonumber(ARGV[7]) then return {'gone'} end
see()
if ARGV[7] ~= '0' then redis.call('RENAME', partial, artifact) end
redis.call('SREM', partials, partial)
redis.call('HSET', job, field, ARGV[6])
return {'done'}
`);

/** A hash whole: KEYS job. Answers fields and values in turn, whatever protocol is spoken. */
export const READ_JOB = redisScript(`return redis.call('HGETALL', KEYS[1])`);

/** Removes keys: KEYS meta and those to remove; ARGV epoch, electionId, committed. Answers `done` | `fenced, epoch, sequence`. */
export const REMOVE_LOGS = redisScript(`
local meta, epoch, electionId, committed = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
${CHECK_POSITION}
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
return {'done'}
`);
