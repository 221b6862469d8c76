/**
 * Reads the server's event stream and keeps reading: after a lost connection it goes on behind the last event it saw
 * (`Last-Event-ID`), so a reader meets every event once. A `reset` means the server no longer has what came between.
 */

import { ApiError, endpoints, serverEvents, UnreachableError, type ApiClient, type ServerEvent } from "@hive/protocol";

/** One event, or `reset` when the server could not go on where the reader was. */
export interface StreamEvent {
  readonly id: number;
  readonly type: string;
  readonly at: number;
  readonly jobId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventStreamOptions {
  readonly jobId?: string;
  /** Events after this id; 0 for all that are kept. Default: from now on. */
  readonly after?: number;
  readonly signal?: AbortSignal;
  readonly sleep: (ms: number) => Promise<void>;
  /** Milliseconds without a byte after which a stream is lost. Default 45,000: the server gives a sign of life every 15 s. */
  readonly quietMs?: number;
}

const QUIET_MS = 45_000;

/** Wait before a lost stream is opened again, in milliseconds, doubled up to the second. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/** Events in order, until the signal is aborted. @throws ApiError when the server refuses (a wrong token). */
export async function* eventStream(
  api: ApiClient,
  options: EventStreamOptions,
): AsyncGenerator<StreamEvent, void, void> {
  let after = options.after;
  let waitMs = FIRST_WAIT_MS;
  const isStopped = (): boolean => options.signal?.aborted === true;
  while (!isStopped()) {
    // A server that stands still keeps its connections, and says nothing on them; another may long be in its place.
    const quiet = quietLimit(options.quietMs ?? QUIET_MS);
    try {
      const query = {
        ...(options.jobId === undefined ? {} : { jobId: options.jobId }),
        ...(after === undefined ? {} : { after }),
      };
      const signal = options.signal ? AbortSignal.any([options.signal, quiet.signal]) : quiet.signal;
      const response = await api.open(endpoints.events, { query }, { signal });
      for await (const message of serverEvents(response.body, quiet.heard)) {
        waitMs = FIRST_WAIT_MS;
        const event = eventOf(message);
        if (event === null) continue;
        after = event.id;
        // However long the reader takes for it: that is not the server's silence.
        quiet.pause();
        yield event;
        quiet.heard();
      }
    } catch (error) {
      if (isStopped()) return;
      const lost =
        quiet.signal.aborted ||
        error instanceof UnreachableError ||
        error instanceof TypeError ||
        (error instanceof ApiError && error.retry);
      if (!lost) throw error;
    } finally {
      quiet.pause();
    }
    await options.sleep(waitMs * (0.5 + Math.random() / 2));
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

interface QuietLimit {
  /** Aborts once nothing was heard for too long. */
  readonly signal: AbortSignal;
  /** There was a sign of life: the time begins anew. */
  readonly heard: () => void;
  /** Nothing is expected until the next sign of life. */
  readonly pause: () => void;
}

function quietLimit(ms: number): QuietLimit {
  const silent = new AbortController();
  const start = () =>
    setTimeout(() => silent.abort(new DOMException(`nothing was heard for ${ms} ms`, "TimeoutError")), ms);
  let timer = start();
  const pause = (): void => clearTimeout(timer);
  return {
    signal: silent.signal,
    heard() {
      pause();
      timer = start();
    },
    pause,
  };
}

function eventOf(message: ServerEvent): StreamEvent | null {
  const id = Number(message.id);
  const parsed: unknown = JSON.parse(message.data);
  if (typeof parsed !== "object" || parsed === null) return null;
  const fields = parsed as Partial<StreamEvent>;
  return {
    id: Number.isFinite(id) && message.id !== null ? id : (fields.id ?? 0),
    type: fields.type ?? message.event,
    at: fields.at ?? 0,
    jobId: fields.jobId ?? null,
    data: fields.data ?? {},
  };
}
