/**
 * The intake process: does what is dangerous with text from outside, beside the queue. A parser that hangs, or a document
 * that fills its memory, costs this process its life and nobody else anything. It has no token of Hive and no store.
 */

import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { createGuard } from "../guard/guard.ts";
import { createGuardedClient } from "../guard/request.ts";
import { jsonLine } from "../processes/json-line.ts";
import { createSourceFetch } from "../sources/source-fetch.ts";
import { sourcesSchema } from "../sources/source-settings.ts";
import { createIntake } from "./intake.ts";
import { askSchema, intakeSettingsSchema } from "./messages.ts";

async function run(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const [first] = (await once(lines, "line")) as [string];
  const settings = intakeSettingsSchema.parse(JSON.parse(first));
  const guard = createGuard({ allowPrivate: settings.allowPrivate });
  const client = createGuardedClient(guard);
  const intake = createIntake({
    sources: sourcesSchema.parse(settings.sources),
    secrets: settings.secrets,
    fetchFor: (source, signal) => createSourceFetch({ guard, client }, source.type.addresses, signal),
  });
  process.stdout.write(`${JSON.stringify({ pid: process.pid })}\n`);
  lines.on("line", (line) => {
    const ask = askSchema.parse(JSON.parse(line));
    void intake.answer(ask).then((answer) => process.stdout.write(`${jsonLine(answer)}\n`));
  });
  await Promise.race([once(lines, "close"), once(process, "SIGTERM"), once(process, "SIGINT")]);
  intake.close();
  client.close();
}

try {
  await run();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
