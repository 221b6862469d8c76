/** `npm run logs-accuracy -- <folder>`: how well Hive groups the labelled log lines in a folder, a row for each set. */

import { measureFolder } from "./log-accuracy.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error(
    "npm run logs-accuracy -- <folder>\n\nThe folder holds <name>.log and <name>.log_structured.csv; see docs/sources.md.",
  );
  process.exit(2);
}
const sets = await measureFolder(folder);
if (sets.length === 0) {
  console.error(`No file in ${folder} ends in _structured.csv.`);
  process.exit(1);
}
const share = (value: number | null) => (value === null ? "-" : value.toFixed(4)).padStart(8);
const mean = (values: readonly number[]) =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
console.log(
  `${"set".padEnd(24)}${"lines".padStart(8)}${"message".padStart(10)}${"line".padStart(10)}${"groups".padStart(8)}${"labels".padStart(8)}`,
);
for (const { name, lines, message, line, groups, labels } of sets) {
  const figures = `${share(message).padStart(10)}${share(line).padStart(10)}`;
  console.log(
    `${name.padEnd(24)}${String(lines).padStart(8)}${figures}${String(groups).padStart(8)}${String(labels).padStart(8)}`,
  );
}
const lines = sets.flatMap(({ line }) => (line === null ? [] : [line]));
console.log(
  `${"mean".padEnd(32)}${share(mean(sets.map(({ message }) => message))).padStart(10)}${share(mean(lines)).padStart(10)}`,
);
