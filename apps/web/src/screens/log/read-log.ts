/**
 * Fills a book: every byte of one attempt from the first on, as fast as it comes and then as it is written, over lost
 * connections and takeovers without a gap. A server ends the answer only where the attempt ends.
 */
import { ApiError, open } from "../../api/call.ts";
import { LogBook } from "./log-book.ts";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** How long bytes are taken in without a break: the page has to move meanwhile. */
const BUSY_MS = 8;

/** A book of an attempt's log. */
export function openBook(jobId: string, fence: number): LogBook {
  return new LogBook(async (from, to) => {
    if (to <= from) return new Uint8Array();
    const headers = { range: `bytes=${from}-${to - 1}` };
    const response = await open("jobLogs", { params: { jobId }, query: { fence } }, { headers }).catch(
      (error: unknown) => {
        if (error instanceof ApiError && error.code === "range_not_satisfiable") return null;
        throw error;
      },
    );
    if (response?.status === 206) return new Uint8Array(await response.arrayBuffer());
    // The whole instead of a part: some of these bytes are not there any more.
    await response?.body?.cancel();
    return null;
  });
}

/**
 * Reads until the attempt is over or `signal` aborts. `again` breaks the connection and makes a new one: a server that
 * stands still keeps its own. @throws ApiError when the server refuses
 */
export async function readLog(
  book: LogBook,
  options: {
    readonly jobId: string;
    readonly fence: number;
    readonly signal: AbortSignal;
    readonly onAgain: (again: () => void) => void;
  },
): Promise<void> {
  const { jobId, fence, signal } = options;
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    const broken = new AbortController();
    options.onAgain(() => broken.abort());
    try {
      const from = book.bytes;
      const query = { fence, follow: "true" as const, ...(from > 0 ? { from } : {}) };
      const response = await open(
        "jobLogs",
        { params: { jobId }, query },
        { signal: AbortSignal.any([signal, broken.signal]) },
      );
      if (book.state === "lost") book.become("live");
      const cut = missingFrom(response.headers.get("x-hive-log-cut"), from);
      for await (const bytes of piecesOf(response)) {
        waitMs = FIRST_WAIT_MS;
        book.add(bytes.subarray(0, (cut?.from ?? Infinity) - book.bytes));
        if (book.bytes === cut?.from) break;
      }
      if (cut === null || book.bytes !== cut.from) {
        book.become("over");
        return;
      }
      book.skip(cut.to);
      continue;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && !error.retry) throw error;
      book.become("lost");
    }
    await pause(waitMs * (0.5 + Math.random() / 2));
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

/** The bytes of an answer. Gives the page its turn between. */
async function* piecesOf(response: Response): AsyncGenerator<Uint8Array, void, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let rested = performance.now();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
      if (performance.now() - rested < BUSY_MS) continue;
      await pause(0);
      rested = performance.now();
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The next bytes that the server no longer has; they may begin where the reader is. */
function missingFrom(header: string | null, from: number): { readonly from: number; readonly to: number } | null {
  const [, first = "", end = ""] = /^(\d+)-(\d+)$/.exec(header ?? "") ?? [];
  const to = Number(end);
  return first === "" || to <= from ? null : { from: Math.max(Number(first), from), to };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
