/**
 * What a program beside the dispatcher is told when it starts: one line of JSON on its standard input. Not arguments,
 * which every user of the machine can list, and not the environment, which a child process inherits.
 */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { z } from "zod";

/**
 * The settings, and the moment the input ends: whoever started this process is gone then.
 * `name` is for the message, such as "the gateway".
 * @throws Error that lists every problem by name and shows no value.
 */
export async function readProgramSettings<S extends z.ZodType>(
  name: string,
  schema: S,
  input: Readable,
): Promise<{ settings: z.output<S>; ended: Promise<void> }> {
  const lines = createInterface({ input });
  const ended = new Promise<void>((settle) => {
    lines.once("close", () => settle());
  });
  const line = await Promise.race([
    new Promise<string>((settle) => {
      lines.once("line", settle);
    }),
    ended.then(() => ""),
  ]);
  const parsed = schema.safeParse(parseJson(line));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, code }) => `${path.join(".") || "the line"}: ${code}`);
    lines.close();
    throw new Error(
      `The settings of ${name}, one line of JSON on standard input, cannot be used: ${problems.join("; ")}`,
    );
  }
  return { settings: parsed.data, ended };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
