/** Turns what Redis says into words an operator can act on. Whether a command was carried out is in the class. */

/** The command was not sent: Redis cannot be reached. */
export class RedisOffline extends Error {
  override readonly name = "RedisOffline";
}

/** No answer in time: the command may have been carried out, or may be later. */
export class RedisTimeout extends Error {
  override readonly name = "RedisTimeout";
}

/** Redis answered with an error, or the connection broke: unless it was refused, it may have been carried out. */
export class RedisRefused extends Error {
  override readonly name = "RedisRefused";
}

/** What the first word of an error reply means to an operator. */
const MEANINGS: Readonly<Record<string, string>> = {
  OOM: "it is at its maxmemory and takes no more; raise maxmemory (CONFIG SET maxmemory …), and Hive continues by itself",
  MISCONF: "it cannot write to its disk; free some space or look at its log, and Hive continues by itself",
  BUSY: "a script of another program keeps it busy; end that with SCRIPT KILL, and Hive continues by itself",
  LOADING: "it is still loading its data; Hive continues by itself",
  READONLY: "it is a replica, which takes no writes; let HIVE_STORE name the primary",
  MASTERDOWN: "it is a replica that lost its primary; let HIVE_STORE name the primary",
  NOAUTH: "it asks for a password; write redis://USER:PASSWORD@HOST:PORT into HIVE_STORE",
  WRONGPASS: "it does not know the user or the password in HIVE_STORE",
  NOPERM: "the user in HIVE_STORE may not do what Hive needs; docs/configuration.md lists it",
  NOREPLICAS: "too few of its replicas are reachable (min-replicas-to-write); Hive continues by itself",
  CROSSSLOT: "it is a cluster that does not keep Hive's keys together; HIVE_REDIS_PREFIX must not contain braces",
};

/** The error to give on, its cause kept; errors made here come back as they are. */
export function explainRedis(error: unknown, place: string): Error {
  if (error instanceof RedisOffline || error instanceof RedisTimeout || error instanceof RedisRefused) return error;
  return new RedisRefused(`${place}: ${reasonOf(error)}`, { cause: error });
}

/** What is wrong, without the place. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // node-redis gives several at once when a name has several addresses.
  const message = error instanceof AggregateError ? reasonOf(error.errors[0]) : error.message;
  const meaning = MEANINGS[/^[A-Z]+/.exec(message)?.[0] ?? ""];
  return meaning === undefined ? message : `${meaning} (${message})`;
}
