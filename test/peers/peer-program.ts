/** A real program that a test runs against, started by the test itself and ended with it, however the test ends. */

import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";

/** How long a program may take until it is ready, in milliseconds. */
const START_MS = 30_000;

/** One process of a peer. */
export class PeerProgram {
  readonly #child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals | null>;
  #over = false;
  #changed: () => void = () => {};

  constructor(
    [program = "", ...args]: readonly string[],
    env: Readonly<Record<string, string>>,
    onOutput: (text: string) => void,
  ) {
    const plain = { PATH: process.env["PATH"], HOME: tmpdir(), LANG: "C.UTF-8", ...env };
    this.#child = spawn(program, args, { env: plain, cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => {
        onOutput(text);
        this.#changed();
      });
    }
    // A test that dies must not leave it behind.
    const atExit = (): void => void this.#child.kill("SIGKILL");
    process.once("exit", atExit);
    this.ended = new Promise((resolve) => {
      const over = (how: number | NodeJS.Signals | null): void => {
        this.#over = true;
        process.off("exit", atExit);
        resolve(how);
        this.#changed();
      };
      this.#child.once("error", (error) => {
        onOutput(`${error.message}\n`);
        over(null);
      });
      this.#child.once("close", (code, signal) => over(signal ?? code));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  isOver(): boolean {
    return this.#over;
  }

  /** Resolves once `holds` does; looks whenever the program prints. @throws when it ends first or takes too long */
  async until(holds: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`not ready after ${START_MS} ms`)), START_MS);
        this.#changed = () => {
          if (holds()) resolve();
          else if (this.#over) reject(new Error("it ended"));
        };
        this.#changed();
      });
    } finally {
      clearTimeout(timer);
      this.#changed = () => {};
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#over) this.#child.kill(signal);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.signal(signal);
    // A stopped process only notices other signals than SIGKILL once it goes on.
    this.signal("SIGCONT");
    await this.ended;
  }
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** What a peer is made of. */
export interface PeerPlan {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** What it prints, or does, once it answers. */
  readonly isReady: (printed: string) => boolean;
  /** Removed with it. */
  readonly folder: string;
}

/** A peer that can be taken away and come back. */
export interface Peer {
  /** The last part of what it printed, of all its lives. */
  printed(): string;
  /** SIGTERM; resolves when it is gone. */
  shutDown(): Promise<void>;
  /** Starts it again as it was, and waits until it answers. @throws with what it printed when it does not */
  start(): Promise<void>;
  /** Ends it and removes its folder. Safe to call twice. */
  dispose(): Promise<void>;
}

/** The end of a peer's output that is kept, in characters. */
const KEPT = 64_000;

/** Starts it and waits until it answers. @throws with what it printed when it does not */
export async function startPeer({ command, isReady, folder }: PeerPlan): Promise<Peer> {
  let printed = "";
  let life: PeerProgram | null = null;
  const peer: Peer = {
    printed: () => printed,
    async start() {
      let begun = "";
      const program = new PeerProgram(command, {}, (text) => {
        begun = (begun + text).slice(-KEPT);
        printed = (printed + text).slice(-KEPT);
      });
      life = program;
      try {
        await program.until(() => isReady(begun));
      } catch (error) {
        await program.end("SIGKILL");
        throw new Error(`${command[0]} did not start:\n${begun.slice(-4000)}`, { cause: error });
      }
    },
    async shutDown() {
      await life?.end("SIGTERM");
    },
    async dispose() {
      await life?.end("SIGKILL");
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await peer.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
  return peer;
}
