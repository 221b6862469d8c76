/**
 * Elections on Redis: look at the leader's record, ask the watch whether its place is free, and take it by a
 * compare-and-set on exactly what was looked at. Nothing here depends on how long anything took.
 */

import { randomUUID } from "node:crypto";
import type { Leadership } from "../../leader/leadership.ts";
import type { LeaderRecord } from "../../leader/watch.ts";
import { type Election, StoreFenced, StoreHeld, StoreSecretsDiffer, StoreTooNew, StoreTooOld } from "../contract.ts";
import type { RedisConnection } from "./connection.ts";
import type { RedisKeys } from "./keys.ts";
import { maybeTextsIn, numbersIn, textsIn } from "./replies.ts";
import { ELECT, META_FIELDS, RELEASE, RENEW } from "./scripts.ts";

/**
 * The one format of documents this adapter knows. 1 had each member in every document and sorted sets without leaves; no
 * release wrote it.
 */
export const FORMAT = 2;

export interface Electing {
  readonly connection: RedisConnection;
  readonly keys: RedisKeys;
  readonly leadership: Leadership;
  /** The new epoch is at least this. */
  readonly minEpoch: number;
  /** Runs when the place is free, right before it is taken; refuses by throwing. */
  readonly beforeElection: () => Promise<void>;
}

/** Begins an election of this process. @throws StoreHeld, StoreSecretsDiffer, StoreTooNew, StoreTooOld */
export async function elect(electing: Electing): Promise<Election> {
  const { connection, keys, leadership, minEpoch, beforeElection } = electing;
  const { watch, url, secretsId } = leadership;
  const { record, format, secrets, seen } = await look(connection, keys);
  if (format !== null && format !== FORMAT) throw otherFormat(format, connection.place);
  if (secrets !== null && secrets !== secretsId && record?.released !== true) throw secretsDiffer(connection.place);
  const verdict = watch.see(record);
  if (!verdict.elect) throw held(verdict.queen);

  await beforeElection();
  const electionId = randomUUID();
  watch.running(electionId);
  const answer = textsIn(
    await connection.script(
      ELECT,
      [keys.meta],
      [...seen, electionId, url, leadership.prove(electionId), secretsId, String(FORMAT), String(minEpoch)],
    ),
  );
  switch (answer[0]) {
    case "elected":
      return { epoch: Number(answer[1]), electionId, format: Number(answer[2]) };
    case "secrets":
      throw secretsDiffer(connection.place);
    case "format":
      throw otherFormat(Number(answer[1]), connection.place);
    default:
      // Somebody else was quicker, or lives after all. The next look says where she is.
      throw held(null);
  }
}

/**
 * Says that this election is still on, and that its commit `sequence` is still there.
 * @throws StoreFenced when it is not; anything else is an unknown outcome
 */
export async function renew(
  connection: RedisConnection,
  keys: RedisKeys,
  election: Election,
  sequence = 0,
): Promise<void> {
  const args = [String(election.epoch), election.electionId, String(sequence)];
  const answer = await connection.script(RENEW, [keys.meta], args);
  throwIfFenced(answer, "a renewal", election);
}

/** Lets anybody follow at once. @throws StoreFenced when somebody has; anything else is an unknown outcome */
export async function release(connection: RedisConnection, keys: RedisKeys, election: Election): Promise<void> {
  const answer = await connection.script(RELEASE, [keys.meta], [String(election.epoch), election.electionId]);
  throwIfFenced(answer, "the release", election);
}

/** @throws StoreFenced when the answer of a script begins with `fenced` */
export function throwIfFenced(answer: unknown, what: string, election: Election): void {
  if (!Array.isArray(answer) || answer[0] !== "fenced") return;
  throw new StoreFenced(
    `${what} of election ${election.epoch} is refused: the store is at commit ${String(answer[2])} of election ${String(answer[1])}`,
  );
}

interface Look {
  readonly record: LeaderRecord | null;
  readonly format: number | null;
  readonly secrets: string | null;
  /** What the compare-and-set compares with. */
  readonly seen: readonly [electionId: string, beat: string, sequence: string, released: string];
}

async function look(connection: RedisConnection, keys: RedisKeys): Promise<Look> {
  const fields = await connection.command(["HMGET", keys.meta, ...META_FIELDS]);
  const [epoch, electionId, sequence, beat, released, url, proof, format, secrets] = maybeTextsIn(fields);
  const seen = [electionId ?? "", beat ?? "", sequence ?? "", released ?? ""] as const;
  const facts = { format: format == null ? null : Number(format), secrets: secrets ?? null, seen };
  if (epoch == null || electionId == null) return { record: null, ...facts };
  const [atEpoch = 0, atSequence = 0, atBeat = 0] = numbersIn([epoch, sequence, beat]);
  const record: LeaderRecord = {
    epoch: atEpoch,
    electionId,
    sequence: atSequence,
    beat: atBeat,
    released: released === "1",
    url: url ?? "",
    proof: proof ?? "",
  };
  return { record, ...facts };
}

function held(queen: { readonly url: string } | null): StoreHeld {
  return new StoreHeld(`another dispatcher is the queen${queen === null ? "" : ` (${queen.url})`}`, queen);
}

function otherFormat(format: number, place: string): StoreTooNew | StoreTooOld {
  if (format > FORMAT) {
    return new StoreTooNew(`the store has format ${format}, this Hive knows up to ${FORMAT}: start the newer Hive`);
  }
  return new StoreTooOld(
    `The store on ${place} has format ${format}, this Hive reads ${FORMAT} only. Start the Hive that wrote it and make a ` +
      "copy of everything (hive backup); then give this Hive an empty Redis, or another HIVE_REDIS_PREFIX, and put the " +
      "copy there (hive restore).",
  );
}

function secretsDiffer(place: string): StoreSecretsDiffer {
  return new StoreSecretsDiffer(
    `The dispatchers on ${place} have other secrets than this one: give all of them the same INTERNAL_API_TOKEN, ` +
      "CALLBACK_SECRET, HIVE_WEBHOOK_SECRET, HIVE_SEALING_KEYS and HIVE_SIGNING_KEY, or the same secrets.env. " +
      "To change them, stop all dispatchers with SIGTERM, then start them with the new ones.",
  );
}
