/**
 * The names of Hive's keys in Redis. All carry one hash tag, so that a cluster keeps them on one node, where a script can
 * change them together:
 *
 *     {hive}:meta                   hash: the leader's record, the format, whose secrets
 *     {hive}:declared               hash: collection → its indexes, as JSON
 *     {hive}:shapes                 hash: number → what alike documents have in common (shapes.ts), as JSON
 *     {hive}:doc:<collection>       hash: id → document (documents.ts)
 *     {hive}:ids:<collection>       leaf set (leaf-sets.ts), all scores 0: the ids in order of their bytes
 *     {hive}:ix:<collection>.<index>:<value>…   leaf set: id by the range field
 *
 * Logs and artifacts have `{hive}:log:…` and `{hive}:art:…`.
 */

export interface RedisKeys {
  /** `{hive}:` */
  readonly start: string;
  readonly meta: string;
  readonly declared: string;
  readonly shapes: string;
  readonly documents: (collection: string) => string;
  readonly ids: (collection: string) => string;
  /** `equals` as `equalsColumn` of declared.ts encodes them: none contains a line break. */
  readonly index: (collection: string, index: string, equals: readonly string[]) => string;
}

/** @param prefix `HIVE_REDIS_PREFIX` */
export function redisKeys(prefix: string): RedisKeys {
  const start = `{${prefix}}:`;
  return {
    start,
    meta: `${start}meta`,
    declared: `${start}declared`,
    shapes: `${start}shapes`,
    documents: (collection) => `${start}doc:${collection}`,
    ids: (collection) => `${start}ids:${collection}`,
    index: (collection, index, equals) => `${start}ix:${collection}.${index}:${equals.join("\n")}`,
  };
}

/**
 * Lua that ends a script with `{"fenced", epoch, sequence}` unless the store is in this election: the start of every
 * script that writes. Needs `meta`, the key, and the given `epoch` and `electionId` as texts; leaves `sequence`, a number.
 */
export const CHECK_ELECTION = `
local record = redis.call('HMGET', meta, 'epoch', 'electionId', 'sequence')
local sequence = tonumber(record[3] or '0')
if record[1] ~= epoch or record[2] ~= electionId then
  return {'fenced', record[1] or '0', sequence}
end`;
