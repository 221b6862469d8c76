/**
 * A program that writes a log, for scenarios: so many numbered lines at so many a second, each whole and each once. It
 * opens its file anew on SIGHUP, as programs do whose logs are rotated by rename. Arguments: file, lines, lines a second.
 */
import { closeSync, openSync, writeSync } from "node:fs";

const TICK_MS = 20;
const [file = "", lines = "0", perSecond = "1"] = process.argv.slice(2);
let log = openSync(file, "a");
let written = 0;
const begun = performance.now();

process.on("SIGHUP", () => {
  closeSync(log);
  log = openSync(file, "a");
});
process.stdout.write("ready\n");

const clock = setInterval(() => {
  const due = Math.min(Number(lines), Math.floor(((performance.now() - begun) / 1_000) * Number(perSecond)));
  let text = "";
  for (; written < due; written += 1) {
    const at = new Date().toISOString();
    text += `${at} ERROR relay: request ${written * 7} of user ${written % 50} failed after ${written % 900} ms #${written}#\n`;
  }
  if (text !== "") writeSync(log, text);
  if (written < Number(lines)) return;
  clearInterval(clock);
  process.exit(0);
}, TICK_MS);
