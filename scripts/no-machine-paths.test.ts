// Nothing in the repository may know the machine it was written on: no folders of a developer, no hosts of a package
// mirror, no addresses in the lock files. A clone must behave alike everywhere.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkout, trackedFiles } from "./checkout.ts";

// Put together from pieces, so that this file does not hold what it looks for.
const slash = "/";
const folders = [
  [slash, "work", slash].join(""),
  [slash, "root", slash].join(""),
  [slash, "Users", slash].join(""),
  [slash, "home", slash].join(""),
  ["C:", "\\Users"].join(""),
];
/** Names of people's folders that a text may use as an example. */
const examples = /\/(home|Users)\/(agent|hive|user|you|me|name|worker|bee|someone|alice|bob)\b/g;
const binary = /\.(png|ico|woff2?|gz|zip|sqlite|db)$/;

const texts = trackedFiles()
  .filter((file) => !binary.test(file))
  .map((file) => ({ file, text: readFileSync(join(checkout, file), "utf8") }));

it("no file names a folder of the machine it was written on", () => {
  const found = texts.flatMap(({ file, text }) => linesWith(file, text.replace(examples, "example"), isMachinePath));
  expect(found).toEqual([]);
});

it("no lock file says from which registry a package comes", () => {
  const locks = texts.filter(({ file }) => file.endsWith("package-lock.json"));
  expect(locks.length).toBeGreaterThan(0);
  const found = locks.flatMap(({ file, text }) => linesWith(file, text, (line) => /"resolved":\s*"[\w+]+:/.test(line)));
  expect(found).toEqual([]);
});

it("no file sets a registry of its own", () => {
  const found = texts
    .filter(({ file }) => /(^|\/)(\.npmrc|\.yarnrc.*|bunfig\.toml)$/.test(file))
    .flatMap(({ file, text }) => linesWith(file, text, (line) => /registry\s*[=:]|cafile|proxy\s*=|_auth/i.test(line)));
  expect(found).toEqual([]);
});

function isMachinePath(line: string): boolean {
  return folders.some((folder) => {
    const at = line.indexOf(folder);
    // A folder of ours may be called the same: only a path that begins here counts.
    return at >= 0 && !/[\w.*)\]}$]/.test(line[at - 1] ?? " ");
  });
}

function linesWith(file: string, text: string, is: (line: string) => boolean): string[] {
  return text.split("\n").flatMap((line, at) => (is(line) ? [`${file}:${at + 1}: ${line.trim().slice(0, 120)}`] : []));
}
