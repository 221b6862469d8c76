/** People who talk to jobs, and say it again, under the same key, when they do not know whether they were heard. */

import { ApiError } from "@hive/protocol";
import type { Dice } from "./dice.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { World } from "./world.ts";

/** Asks the dispatcher over the network. */
export type Ask = <T>(ask: (queue: Dispatcher["queue"]) => Promise<T>) => Promise<T>;

/** What a comment is said with. */
export interface CommentOptions {
  readonly world: World;
  readonly dice: Dice;
  readonly ask: Ask;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Says something to a job until the outcome is known. */
export async function sayTo(id: string, { world, dice, ask, sleep }: CommentOptions): Promise<void> {
  const text = `words ${world.numbers.next("comment")}`;
  const note = (outcome: string, n: number | null): void => {
    world.history.add({ kind: "comment", at: world.time.now, id, text, outcome, n });
  };
  const idempotency = { key: `key of ${text}`, hash: text };
  const said = { by: "a person", text, feedback: false, secrets: {}, idempotency };
  for (let tries = 0; ; tries += 1) {
    if (tries > 0) world.counters.count("comment repeated after an unknown outcome");
    try {
      const { n } = await ask((queue) => queue.submit<"comment">({ type: "comment", jobId: id, ...said }));
      return note("ok", n);
    } catch (error) {
      note(error instanceof ApiError ? error.code : "unknown", null);
      if (error instanceof ApiError && !error.retry) return undefined;
      await sleep(dice.int(200, 1_500));
    }
  }
}
