/** wrk as a load generator: 100 connections that each send the next request when they have the reply to the last. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Stage } from "../stage.ts";

/** What to send, and for how long. */
export interface Load {
  readonly url: string;
  readonly token: string;
  /** JSON as text. */
  readonly body: string;
  readonly seconds: number;
  readonly connections: number;
}

/** Requests answered well per second. @throws when one was not */
export async function wrk(stage: Stage, load: Load): Promise<number> {
  const script = join(stage.folder("wrk"), "post.lua");
  // [==[ ]==] is Lua's quoting in which nothing needs to be escaped.
  writeFileSync(
    script,
    `wrk.method = "POST"
wrk.body = [==[${load.body}]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer ${load.token}"
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests": %d, "micros": %d, "bad": %d}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout))
end
`,
  );
  let out = "";
  const program = stage.start(
    "wrk",
    // One thread sends far more than these servers answer, and leaves them the machine.
    ["-t1", `-c${load.connections}`, `-d${load.seconds}s`, "--timeout", "10s", "-s", script, load.url],
    {
      onOutput: (text) => {
        out += text;
      },
    },
  );
  const code = await program.ended;
  const line = out.trim().split("\n").at(-1) ?? "";
  if (code !== 0 || !line.startsWith("{")) throw new Error(`wrk ended with ${code}:\n${program.printed()}`);
  const { requests, micros, bad } = JSON.parse(line) as { requests: number; micros: number; bad: number };
  if (bad > 0) throw new Error(`${bad} of ${requests} requests to ${load.url} failed:\n${program.printed()}`);
  return requests / (micros / 1e6);
}
