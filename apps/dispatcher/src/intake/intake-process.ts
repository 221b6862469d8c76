/**
 * The intake process as the dispatcher sees it: questions go in, answers come out, and a process that hangs or dies is
 * started anew. What was under way then is asked again, one question at a time: one that ends the process again when it is
 * alone is the culprit and is refused; what was only beside it is answered as if nothing had happened.
 */

import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { jsonLine } from "../processes/json-line.ts";
import { keepProcess, type KeptProcess } from "../processes/kept-process.ts";
import { GIVE_UP_MS } from "./intake.ts";
import { answerSchema, replySchemas, type Ask, type IntakeSettings, type Replies } from "./messages.ts";

/** Megabytes of its heap: a document of the largest size that is taken needs a tenth of it. */
const HEAP_MB = 256;
/** Milliseconds of a question without an answer, after which the process counts as hung. */
const HUNG_MS: Readonly<Record<Ask["kind"], number>> = {
  read: GIVE_UP_MS.read + 5_000,
  explain: GIVE_UP_MS.read + 5_000,
  poll: GIVE_UP_MS.poll + 10_000,
  polled: 15_000,
  render: 15_000,
};
/** A process may be ended by somebody else too: so often is no accident. */
const MAX_ENDS = 2;
const readySchema = z.object({ pid: z.int() });
type Ready = z.output<typeof readySchema>;

/** It was asked and could not: the message is for people. */
export class IntakeError extends Error {
  /**
   * `failed`: the text is nothing the source understands; `unopened`, `later`: see `Answer`; `broken`: it ended the process;
   * `stopped`: nobody is there any more.
   */
  readonly code: "failed" | "unopened" | "later" | "broken" | "stopped";

  constructor(code: IntakeError["code"], message: string) {
    super(message);
    this.name = "IntakeError";
    this.code = code;
  }
}

type AskWithoutId<K extends Ask["kind"]> = Omit<Extract<Ask, { readonly kind: K }>, "id">;

export interface KeptIntake {
  /** @throws IntakeError */
  ask<K extends Ask["kind"]>(question: AskWithoutId<K>): Promise<Replies[K]>;
  /** The process that runs now, or ran last. */
  readonly pid: () => number;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

export interface IntakeOptions {
  readonly settings: IntakeSettings;
  readonly clock: Pick<Clock, "after" | "mono">;
  readonly onLine: (line: string) => void;
  readonly onTrouble: (message: string) => void;
  /** Milliseconds until a question counts as hung. Default: longer than anything may take. */
  readonly hungMs?: number;
  /** `NODE_EXTRA_CA_CERTS`, where sources speak TLS with an authority of the operator's own. */
  readonly env?: Readonly<Record<string, string>>;
}

interface Pending {
  readonly line: string;
  readonly kind: Ask["kind"];
  readonly settle: (answer: unknown) => void;
  readonly fail: (error: IntakeError) => void;
  /** How often the process ended while it was under way; above 0 it is asked alone. */
  ends: number;
  hung: boolean;
  stopWaiting: () => void;
}

/** Starts it. @throws when its first start fails */
export async function keepIntake(options: IntakeOptions): Promise<KeptIntake> {
  const asked = new Map<number, Pending>();
  /** Not asked yet, or to be asked again; suspects first, one at a time. */
  const waiting: [number, Pending][] = [];
  let next = 1;
  let stopped = false;
  let pid = 0;

  const kept: KeptProcess<Ready> = await keepProcess<Ready>({
    name: "the intake of sources",
    program: fileURLToPath(new URL("main.ts", import.meta.url)),
    ready: readySchema,
    nodeOptions: [`--max-old-space-size=${HEAP_MB}`],
    settings: () => options.settings,
    env: options.env ?? {},
    clock: options.clock,
    onLine: options.onLine,
    onTrouble: options.onTrouble,
    onAnswer: (line) => take(line),
    onEnd: () => ended(),
    onRestart: (ready) => {
      pid = ready.pid;
      sendWaiting();
    },
  });
  pid = kept.ready.pid;

  function send(id: number, pending: Pending): void {
    asked.set(id, pending);
    const { kind } = pending;
    pending.stopWaiting = options.clock.after(options.hungMs ?? HUNG_MS[kind], () => {
      pending.hung = true;
      options.onTrouble(`the intake of sources does not answer (${kind}); it is stopped`);
      kept.kill();
    });
    kept.tell(pending.line);
  }

  function sendWaiting(): void {
    if (stopped || !kept.running()) return;
    while (waiting.length > 0) {
      const [first] = waiting;
      const alone = [...asked.values()].some(({ ends }) => ends > 0) || ((first?.[1].ends ?? 0) > 0 && asked.size > 0);
      if (first === undefined || alone) return;
      waiting.shift();
      send(...first);
    }
  }

  function ended(): void {
    const under = [...asked];
    asked.clear();
    const again: [number, Pending][] = [];
    for (const [id, pending] of under) {
      pending.stopWaiting();
      // After the first end it was asked alone.
      const culprit = pending.ends >= MAX_ENDS || (pending.hung && pending.ends > 0);
      if (culprit) pending.fail(new IntakeError("broken", "It took too long to read, or too much memory, each time"));
      else again.push([id, { ...pending, ends: pending.ends + 1, hung: false }]);
    }
    waiting.unshift(...again);
  }

  function take(line: string): void {
    const answer = answerSchema.safeParse(parseLine(line));
    if (!answer.success) {
      options.onTrouble("the intake of sources said something that is no answer; it is stopped");
      kept.kill();
      return;
    }
    const { id } = answer.data;
    const pending = asked.get(id);
    if (pending === undefined) return;
    asked.delete(id);
    pending.stopWaiting();
    if (!answer.data.ok) pending.fail(new IntakeError(answer.data.code, answer.data.message));
    else {
      const value = replySchemas[pending.kind].safeParse(answer.data.value);
      if (value.success) pending.settle(value.data);
      else pending.fail(new IntakeError("failed", "What was read is not within the limits of signals"));
    }
    sendWaiting();
  }

  return {
    ask<K extends Ask["kind"]>(question: AskWithoutId<K>): Promise<Replies[K]> {
      if (stopped) return Promise.reject(new IntakeError("stopped", "The intake of sources has stopped"));
      return new Promise<Replies[K]>((resolve, reject) => {
        const id = next++;
        waiting.push([
          id,
          {
            line: jsonLine({ ...question, id }),
            kind: question.kind,
            // The schema of this kind of answer was applied.
            settle: (value) => resolve(value as Replies[K]),
            fail: reject,
            ends: 0,
            hung: false,
            stopWaiting: () => undefined,
          },
        ]);
        sendWaiting();
      });
    },
    pid: () => pid,
    async stop() {
      stopped = true;
      const all = [...asked.values(), ...waiting.map(([, pending]) => pending)];
      asked.clear();
      waiting.length = 0;
      for (const pending of all) {
        pending.stopWaiting();
        pending.fail(new IntakeError("stopped", "The intake of sources has stopped"));
      }
      await kept.stop();
    },
  };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
