/** A program for the tests of the kept process: says what it was told, ends when told to or when its input closes. */
import process from "node:process";
import { z } from "zod";
import { readProgramSettings } from "./program-settings.ts";

const schema = z.strictObject({ number: z.int(), fail: z.boolean(), deaf: z.boolean() });

try {
  const { settings, ended } = await readProgramSettings("the sample", schema, process.stdin);
  if (settings.fail) throw new Error("told to fail");
  if (settings.deaf) setInterval(() => undefined, 60_000);
  process.stdout.write(`${JSON.stringify({ number: settings.number, pid: process.pid })}\n`);
  process.stderr.write(`number ${settings.number}\n`);
  await ended;
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
  process.stdin.destroy();
}
