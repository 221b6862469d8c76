/** Open files, at most so many: a thousand running jobs must not use up the process's file descriptors. */

import type { FileHandle } from "node:fs/promises";

interface Open {
  readonly file: Promise<FileHandle>;
  users: number;
}

export class Handles {
  readonly #limit: number;
  /** In order of last use. */
  readonly #open = new Map<string, Open>();

  /** @param limit files kept open; more are open only while that many are in use at the same moment */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Does `work` with the file of a path, opened by `make` when it is not. */
  async use<T>(path: string, make: () => Promise<FileHandle>, work: (file: FileHandle) => Promise<T>): Promise<T> {
    const open = this.#open.get(path) ?? { file: make(), users: 0 };
    this.#open.delete(path);
    this.#open.set(path, open);
    open.users += 1;
    try {
      const file = await open.file.catch((error: unknown) => {
        this.#open.delete(path);
        throw error;
      });
      return await work(file);
    } finally {
      open.users -= 1;
      await this.#closeOldest();
    }
  }

  async close(path: string): Promise<void> {
    const open = this.#open.get(path);
    this.#open.delete(path);
    await (await open?.file)?.close();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((path) => this.close(path)));
  }

  async #closeOldest(): Promise<void> {
    if (this.#open.size <= this.#limit) return;
    for (const [path, { users }] of this.#open) {
      if (users === 0) await this.close(path);
      if (this.#open.size <= this.#limit) return;
    }
  }
}
