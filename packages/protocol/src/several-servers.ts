/**
 * One `fetch` over several addresses of the same Hive, such as its dispatcher replicas. Any of them will do, since one
 * that is not the queen passes requests on; so each call goes to the one that last answered, and to the next only when
 * it is certain that nothing happened there: the connection was never made, or the server said `not_ready`. A call that
 * may have been heard is the caller's to repeat, who knows whether that is harmless; it then begins with the next one.
 */

import { problemSchema } from "./problem.ts";

/** One address, and how it is reached. */
export interface ServerWay {
  /** Such as `http://hive-1:8099`, without a slash at its end. */
  readonly baseUrl: string;
  readonly fetch: typeof globalThis.fetch;
}

/** What a connection fails with before a byte of the request was sent. */
const NEVER_SENT = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The addresses in this text, which commas separate, without slashes at their ends. */
export function serverUrls(text: string): readonly string[] {
  return text
    .split(",")
    .map((url) => url.trim().replace(/\/+$/, ""))
    .filter((url) => url !== "");
}

/**
 * Calls addresses below the first way's `baseUrl` on whichever way works. Bodies must be given whole, not as streams.
 * @throws RangeError without a way. The `fetch` itself throws and answers what the last way tried did.
 */
export function fetchFromAny(ways: readonly ServerWay[]): typeof globalThis.fetch {
  const [named] = ways;
  if (named === undefined) throw new RangeError("no address of a server was given");
  if (ways.length === 1) return named.fetch;
  /** The way that last answered. */
  let good = 0;

  return async (input, init) => {
    const path = addressOf(input).slice(named.baseUrl.length);
    const first = good;
    for (let tried = 1; ; tried += 1) {
      const at = (first + tried - 1) % ways.length;
      const way = ways[at] ?? named;
      // Calls run side by side: only who failed at the way that is thought good moves on from it.
      const moveOn = (): void => {
        if (good === at) good = (at + 1) % ways.length;
      };
      try {
        const response = await way.fetch(way.baseUrl + path, init);
        const isReady = response.status !== 503 || !(await saysNotReady(response));
        if (isReady && !isNobody(response)) good = at;
        else moveOn();
        if (isReady || tried === ways.length) return response;
      } catch (error) {
        if (!isTakenBack(init?.signal)) moveOn();
        if (tried === ways.length || init?.signal?.aborted === true || !wasNeverSent(error)) throw error;
      }
    }
  };
}

function addressOf(input: string | URL | Request): string {
  return input instanceof Request ? input.url : String(input);
}

/** What stands in front of a server answers so when there is none; it may have been sent on. */
function isNobody({ status }: Response): boolean {
  return status === 502 || status === 504;
}

/** The caller no longer wants it, which says nothing about the server; running out of time does. */
function isTakenBack(signal: AbortSignal | null | undefined): boolean {
  const reason: unknown = signal?.reason;
  return signal?.aborted === true && !(reason instanceof Error && reason.name === "TimeoutError");
}

async function saysNotReady(response: Response): Promise<boolean> {
  try {
    const problem = problemSchema.safeParse(await response.clone().json());
    return problem.success && problem.data.code === "not_ready";
  } catch {
    // Not Hive's, or cut off: whoever reads the answer itself will say so.
    return false;
  }
}

function wasNeverSent(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ("syscall" in cause && cause.syscall === "connect") return true;
    if ("code" in cause && typeof cause.code === "string" && NEVER_SENT.has(cause.code)) return true;
  }
  return false;
}
