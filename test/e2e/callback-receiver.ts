/**
 * The backend of somebody else: a program of its own that takes callbacks and believes only what the `standardwebhooks`
 * library verifies with the secret it was given. Prints `{ "listening": PORT }`, then one JSON line per request:
 * `{ ok, id, callback | why }`.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

const [secret = ""] = process.argv.slice(2);
const webhook = new Webhook(secret);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const body = Buffer.concat(chunks).toString("utf8");
    const id = headers["webhook-id"] ?? null;
    try {
      const callback: unknown = webhook.verify(body, headers);
      print({ ok: true, id, callback });
      response.writeHead(204).end();
    } catch (error) {
      print({ ok: false, id, why: String(error) });
      response.writeHead(401).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => print({ listening: (server.address() as AddressInfo).port }));

function print(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
