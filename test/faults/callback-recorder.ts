/**
 * The owner's backend as a program of its own, one that is not well: of some callbacks it refuses the first try, of some
 * it takes the first try and hangs up without an answer. Prints `{ "listening": PORT }`, then a JSON line per request
 * with the moment, the id, the exact body, what the `standardwebhooks` library thinks of it, and the answer given.
 */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { monotonicMs } from "./history.ts";

/** One callback in so many is refused at first, and one in so many gets no answer at first. */
const REFUSED = 23;
const UNANSWERED = 29;

const [secret = ""] = process.argv.slice(2);
const webhook = new Webhook(secret);
const met = new Set<string>();

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const body = Buffer.concat(chunks).toString("utf8");
    const id = headers["webhook-id"] ?? "";
    const status = verified(body, headers) ? answerTo(id) : 401;
    process.stdout.write(`${JSON.stringify({ at: monotonicMs(), id, body, status })}\n`);
    if (status === null) request.socket.destroy();
    else response.writeHead(status).end();
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ listening: (server.address() as AddressInfo).port })}\n`);
});

function verified(body: string, headers: Record<string, string>): boolean {
  try {
    webhook.verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

/** Null: none. */
function answerTo(id: string): number | null {
  const isNew = !met.has(id);
  met.add(id);
  const chance = createHash("sha256").update(id).digest().readUInt32BE();
  if (isNew && chance % REFUSED === 0) return 503;
  return isNew && chance % UNANSWERED === 0 ? null : 200;
}
