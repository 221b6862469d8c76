/**
 * What the queue stores: collections of JSON documents. A store keeps them in order of id and by the declared indexes;
 * it knows nothing of jobs. Every feature declares its collections here or beside itself; none adds code to a store.
 */

/** An index: documents that have all `equals` fields (top level, string | number | boolean) in order of `range`. */
export interface IndexDeclaration {
  readonly name: string;
  readonly equals: readonly string[];
  /** A numeric field; a document without it is not in the index. */
  readonly range: string;
}

export interface CollectionDeclaration {
  readonly name: string;
  readonly indexes: readonly IndexDeclaration[];
}

/** Any stored document; `undefined` members are not stored. */
export type Document = Readonly<Record<string, unknown>>;

/** One document's place. */
export interface Key {
  readonly collection: string;
  readonly id: string;
}

/** One change of a batch: the whole new document, or null to remove it. */
export interface Change extends Key {
  readonly doc: Document | null;
}

/**
 * `jobs` holds the small records (a start loads those of the live statuses); `bodies` the unchanging part; `attempts` how leases ended; `events` the stream (id: 16 digits); `workers` who
 * registered; `callbacks` what is still to be told; `answers` replies kept for repeated requests; `secrets` sealed values;
 * `usage` what the gateway counted per job; `accounts` what each budget has left; `egress` which refused places a job's latest attempt was told of;
 * `schedules` the clocks that make jobs, and `slots` what became of each of their instants; `deliveries` what senders sent, `cursors` and `memories` how far
 * sources have read and what they know, `groups` what they found, `tallies` how each source stands;
 * `comments` what people said to jobs; `ids` what is remembered of jobs that are not kept any more; `marks` how far the server came with this and that.
 */
export const COLLECTIONS = [
  {
    name: "jobs",
    indexes: [
      { name: "all", equals: [], range: "seq" },
      { name: "status", equals: ["status"], range: "seq" },
      { name: "repo", equals: ["repo"], range: "seq" },
      { name: "ended", equals: [], range: "endedAt" },
    ],
  },
  { name: "bodies", indexes: [] },
  { name: "attempts", indexes: [] },
  { name: "events", indexes: [{ name: "job", equals: ["jobId"], range: "n" }] },
  { name: "workers", indexes: [] },
  {
    name: "callbacks",
    indexes: [
      { name: "job", equals: ["jobId"], range: "n" },
      { name: "state", equals: ["state"], range: "n" },
    ],
  },
  { name: "answers", indexes: [{ name: "age", equals: [], range: "at" }] },
  { name: "secrets", indexes: [] },
  { name: "usage", indexes: [] },
  { name: "accounts", indexes: [] },
  { name: "egress", indexes: [] },
  { name: "comments", indexes: [] },
  {
    name: "ids",
    indexes: [
      { name: "age", equals: [], range: "endedAt" },
      { name: "state", equals: ["state"], range: "endedAt" },
    ],
  },
  { name: "marks", indexes: [] },
  { name: "schedules", indexes: [] },
  {
    name: "slots",
    indexes: [
      { name: "age", equals: [], range: "at" },
      { name: "schedule", equals: ["schedule"], range: "slot" },
    ],
  },
  {
    name: "deliveries",
    indexes: [
      { name: "source", equals: ["source"], range: "receivedAt" },
      { name: "state", equals: ["source", "state"], range: "receivedAt" },
    ],
  },
  { name: "cursors", indexes: [] },
  { name: "memories", indexes: [{ name: "source", equals: ["source"], range: "at" }] },
  {
    name: "groups",
    indexes: [
      { name: "source", equals: ["source"], range: "lastAt" },
      { name: "stage", equals: ["source", "stage"], range: "lastAt" },
      { name: "line", equals: ["source", "stage"], range: "line" },
      { name: "wake", equals: ["source"], range: "wakeAt" },
    ],
  },
  { name: "tallies", indexes: [] },
] as const satisfies readonly CollectionDeclaration[];

/** The id of an event or callback document: its number in 16 digits, so that text order is number order. */
export function numberId(n: number): string {
  return String(n).padStart(16, "0");
}

/** The id of a sealed secret; its document is `{ jobId, name, sealed }`. */
export function secretId(jobId: string, name: string): string {
  return `${jobId}/${name}`;
}

/** The id of an attempt's document. */
export function attemptId(jobId: string, fence: number): string {
  return `${jobId}/${String(fence).padStart(8, "0")}`;
}

/** The id of a comment's document. */
export function commentId(jobId: string, n: number): string {
  return `${jobId}/${String(n).padStart(8, "0")}`;
}
