/** A Redis of the bench's own: a new folder, a free port, append-only file synced every second as BullMQ's guide asks for. */
import type { Stage } from "./stage.ts";
import { freePort, until } from "./stage.ts";

/** Starts it and waits until it takes connections; gives its port. */
export async function startRedis(stage: Stage): Promise<number> {
  const port = await freePort();
  let printed = "";
  let over = false;
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "everysec"];
  const quiet = ["--save", "", "--maxmemory-policy", "noeviction", "--dir", stage.folder("redis")];
  const program = stage.start("redis-server", [...settings, ...quiet], {
    onOutput: (text) => {
      printed += text;
    },
  });
  void program.ended.then(
    () => (over = true),
    () => (over = true),
  );
  await until("Redis to be ready", () => over || printed.includes("Ready to accept connections"));
  if (over) throw new Error(`redis-server ended at its start:\n${program.printed()}`);
  return port;
}
