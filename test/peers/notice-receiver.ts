/** A chat server or a program that is told over HTTP; answers, fails or hangs as a test says. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface Told {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface NoticeReceiver {
  readonly url: string;
  readonly port: number;
  readonly told: readonly Told[];
  stop(): Promise<void>;
}

/** Starts it on loopback. `answer` null: it never answers. */
export async function startNoticeReceiver({
  port = 0,
  answer = () => ({ status: 200, body: "ok" }),
}: {
  readonly port?: number;
  readonly answer?: (told: Told) => Answer | null;
} = {}): Promise<NoticeReceiver> {
  const told: Told[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString("utf8") };
      const said = answer(one);
      if (said !== null && said.status < 300) told.push(one);
      if (said !== null) response.writeHead(said.status, said.headers ?? {}).end(said.body ?? "");
    });
  });
  await new Promise<void>((done) => {
    server.listen(port, "127.0.0.1", done);
  });
  const own = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${own}`,
    port: own,
    told,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
