/** The Engine API as the tests use it: one call over the engine's socket, answered with JSON or text. */
import { request } from "node:http";

/** An answer other than 2xx. */
export class EngineCallError extends Error {
  readonly status: number;

  constructor(call: string, status: number, body: string) {
    super(`${call}: ${status} ${body.slice(0, 2_000)}`);
    this.status = status;
  }
}

/**
 * Calls the engine; `path` begins with `/` (a version may be part of it). The whole body is answered.
 * @throws EngineCallError when it refuses
 */
export function engineCall(socketPath: string, method: string, path: string, body?: object): Promise<Buffer> {
  const sent = body === undefined ? "" : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath, method, path, headers: body === undefined ? {} : { "content-type": "application/json" } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.once("error", reject);
        answer.once("end", () => {
          const all = Buffer.concat(chunks);
          const status = answer.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(all);
          else reject(new EngineCallError(`${method} ${path}`, status, all.toString("utf8")));
        });
      },
    );
    call.once("error", reject);
    call.end(sent);
  });
}

/** The same, for answers that are JSON. The caller says what it reads of them. */
export async function engineJson<T>(socketPath: string, method: string, path: string, body?: object): Promise<T> {
  return JSON.parse((await engineCall(socketPath, method, path, body)).toString("utf8")) as T;
}
