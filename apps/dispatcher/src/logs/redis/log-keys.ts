/**
 * Where logs and artifacts lie in Redis, beside the documents (`store/redis/keys.ts`) and under the same hash tag:
 *
 *     {hive}:log:job:<jobId>            hash: `highest` fence seen; <fence> → the stream's state (stream-state.ts);
 *                                       a:<fence>:<name> → "<bytes> <sha256>" of an artifact
 *     {hive}:log:head:<fence>:<jobId>   string: the beginning of a log, or all of it
 *     {hive}:log:tail:<fence>:<jobId>   stream: the end of a longer one, an entry "<offset>-1 <crc32> <bytes>" per piece
 *     {hive}:art:<fence>:<name>:<jobId> list: the pieces of an artifact
 *     {hive}:art:partial:<upload>       list: the pieces of one that is still coming
 *     {hive}:art:partials               set: the names of those
 *
 * Offsets as ids of entries let Redis find a place in the end of a log, and forget what came before it. A stream takes 4
 * KiB before it holds anything, a string nothing, and most logs are short. Ids of jobs come last: they may contain
 * colons, what stands before them may not.
 */

export interface LogKeys {
  /** The store's own: who is the queen. */
  readonly meta: string;
  readonly job: (jobId: string) => string;
  readonly head: (jobId: string, fence: number) => string;
  readonly tail: (jobId: string, fence: number) => string;
  readonly artifact: (jobId: string, fence: number, name: string) => string;
  readonly partial: (upload: string) => string;
  readonly partials: string;
}

/** @param start `RedisKeys.start` of the store; @param meta its `meta` */
export function logKeys({ start, meta }: { readonly start: string; readonly meta: string }): LogKeys {
  return {
    meta,
    job: (jobId) => `${start}log:job:${jobId}`,
    head: (jobId, fence) => `${start}log:head:${fence}:${jobId}`,
    tail: (jobId, fence) => `${start}log:tail:${fence}:${jobId}`,
    artifact: (jobId, fence, name) => `${start}art:${fence}:${name}:${jobId}`,
    partial: (upload) => `${start}art:partial:${upload}`,
    partials: `${start}art:partials`,
  };
}

/** The field of an artifact in its job's hash. */
export function artifactField(fence: number, name: string): string {
  return `a:${fence}:${name}`;
}

/** Fence and name out of such a field; null for another one. */
export function parseArtifactField(field: string): { readonly fence: number; readonly name: string } | null {
  const [, fence, name] = /^a:(\d+):(.+)$/.exec(field) ?? [];
  return fence === undefined || name === undefined ? null : { fence: Number(fence), name };
}
