/**
 * How long a tree of processes takes to die when its run is stopped, through the worker's own `run`.
 * `node cancel.ts <trees>`: every tenth tree ignores SIGTERM. Prints milliseconds and how many processes survived.
 */
import { run } from "../../apps/worker/src/process/run.ts";
import { processesWith, sleepWord, TREE_SLEEPS, treeScript } from "../processes.ts";
import { until } from "../stage.ts";

const count = Number(process.argv[2]);
const polite: number[] = [];
const all: number[] = [];
let survivors = 0;
for (let n = 0; n < count; n += 1) {
  const stubborn = n % 10 === 9;
  const word = sleepWord(n);
  const stop = new AbortController();
  const over = run({
    argv: ["sh", "-c", treeScript(word, stubborn)],
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    signal: stop.signal,
  });
  await until("the tree to run", () => processesWith(word).length >= TREE_SLEEPS);
  const begun = performance.now();
  stop.abort();
  const ended = await over;
  const ms = performance.now() - begun;
  all.push(ms);
  if (!stubborn) polite.push(ms);
  const left = processesWith(word);
  survivors += Math.max(left.length, ended.survivors);
  for (const pid of left) process.kill(pid, "SIGKILL");
}
console.log(JSON.stringify({ all, polite, survivors }));
