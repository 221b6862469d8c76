/** One line per job that changes in place on a terminal; elsewhere a new line for each change. */

import { plain } from "../output.ts";

export class LiveLines {
  readonly #lines = new Map<string, string>();
  readonly #stream: NodeJS.WriteStream;
  #drawn = 0;

  constructor(stream: NodeJS.WriteStream = process.stdout) {
    this.#stream = stream;
  }

  /** Shows what `name` is doing now. */
  set(name: string, text: string): void {
    const line = plain(text);
    if (this.#lines.get(name) === line) return;
    this.#lines.set(name, line);
    if (this.#stream.isTTY) this.#draw();
    else this.#stream.write(`${name.padEnd(14)} ${line}\n`);
  }

  #draw(): void {
    const width = (this.#stream.columns ?? 80) - 1;
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : "";
    const rows = [...this.#lines].map(([name, text]) => `\u001b[2K${`${name.padEnd(14)} ${text}`.slice(0, width)}\n`);
    this.#stream.write(up + rows.join(""));
    this.#drawn = rows.length;
  }
}
