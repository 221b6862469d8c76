/** Which errors of a store are told to the person who starts Hive as they are: each says what to do. */

import { StoreCorrupt, StoreInUse, StoreSecretsDiffer, StoreTooNew, StoreTooOld } from "./contract.ts";
import { StoreNotDurable } from "./redis/durability.ts";
import { RedisOffline, RedisRefused, RedisTimeout } from "./redis/failures.ts";

const REFUSALS = [
  StoreInUse,
  StoreSecretsDiffer,
  StoreTooNew,
  StoreTooOld,
  StoreCorrupt,
  StoreNotDurable,
  RedisOffline,
  RedisRefused,
  RedisTimeout,
] as const;

/** True for an error whose message is meant for people; any other is better shown with its stack. */
export function isStartRefusal(error: unknown): error is Error {
  return REFUSALS.some((refusal) => error instanceof refusal);
}
