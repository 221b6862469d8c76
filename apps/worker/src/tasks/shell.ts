/**
 * Shell text as a program. It goes into a file rather than an argument (a script may be larger than the kernel lets an
 * argument be) or standard input (programs in the script would eat it). A script with a `#!` line runs as that says;
 * else bash with `-e` and `pipefail`, so that the first command that fails ends it, in a pipe too; `sh -e` where there
 * is no bash.
 */
import { chmod, writeFile } from "node:fs/promises";
import { findProgram } from "../agents/find-program.ts";

/** Writes the text to `file` (in a folder the job can reach and not write to) and answers how to run it. */
export async function shellProgram(text: string, file: string): Promise<readonly [string, ...string[]]> {
  await writeFile(file, text.endsWith("\n") ? text : `${text}\n`);
  await chmod(file, 0o755);
  if (text.startsWith("#!")) return [file];
  const bash = await findProgram("bash", "/bin:/usr/bin:/usr/local/bin");
  return bash === undefined ? ["/bin/sh", "-e", file] : [bash, "-eo", "pipefail", file];
}
