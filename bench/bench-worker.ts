/** A worker that speaks the worker protocol over one connection and does nothing: what is measured is the dispatcher. */
import { randomUUID } from "node:crypto";
import { registrationMac, WORKER_PROTOCOL } from "@hive/protocol";
import { WORKER_SECRET } from "./dispatcher.ts";
import { HttpConnection } from "./http-connection.ts";
import { RESULT } from "./job-body.ts";

/** A lease as far as the bench looks at it. */
export interface BenchLease {
  readonly token: string;
  /** What an agent calls its model with. */
  readonly llmToken: string;
  readonly fence: number;
  readonly job: { readonly jobId: string };
}

/** A registered worker. One call at a time. */
export class BenchWorker {
  readonly connection: HttpConnection;
  readonly #token: string;

  private constructor(connection: HttpConnection, token: string) {
    this.connection = connection;
    this.#token = token;
  }

  /** Connects and registers under this name. */
  static async register(port: number, name: string): Promise<BenchWorker> {
    const connection = await HttpConnection.open(port);
    const registrationId = randomUUID();
    const proof = { registrationId, name, at: Date.now(), nonce: randomUUID() };
    const mac = await registrationMac(WORKER_SECRET, proof);
    const registered = await connection.expect(201, "/v1/worker/register", "none", {
      registrationId,
      protocol: WORKER_PROTOCOL,
      name,
      version: "bench",
      roles: [],
      labels: [],
      provider: "process",
      isolation: "none",
      agents: [],
      proof: { kind: "secret", at: proof.at, nonce: proof.nonce, mac },
    });
    return new BenchWorker(connection, (registered as { token: string }).token);
  }

  /** Waits this many milliseconds for a job; null when there was none. */
  async claim(waitMs: number): Promise<BenchLease | null> {
    const body = { claimId: randomUUID(), waitMs };
    const answer = await this.connection.expect(200, "/v1/worker/claim", this.#token, body);
    return (answer as { lease: BenchLease | null }).lease;
  }

  /** The first heartbeat: the attempt begins. */
  async begin(lease: BenchLease): Promise<void> {
    await this.connection.expect(200, "/v1/worker/heartbeat", lease.token, "{}");
  }

  /** Reports that the job succeeded. `log` is what its log must be. */
  async finish(
    lease: BenchLease,
    log: { readonly bytes: number; readonly crc32: number } | null = null,
  ): Promise<void> {
    const outcome = { end: "succeeded", result: RESULT };
    const body = { finishId: randomUUID(), outcome, log };
    await this.connection.expect(200, "/v1/worker/finish", lease.token, body);
  }

  close(): void {
    this.connection.close();
  }
}
