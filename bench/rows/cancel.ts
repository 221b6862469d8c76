/** How long a canceled job's processes live on, in the worker alone and from the call of the API. */
import { API_TOKEN, startDispatcher } from "../dispatcher.ts";
import { HttpConnection } from "../http-connection.ts";
import { processesWith, sleepWord, TREE_SLEEPS, treeScript } from "../processes.ts";
import { percentile, type Row, type RowContext } from "../row.ts";
import { until } from "../stage.ts";
import { makeRepository } from "./small-repository.ts";

export const cancelRow: Row = {
  name: "cancel",
  about: "milliseconds from a cancel to a dead process tree, children with sessions of their own included",
  run: measureCancel,
};

interface Ends {
  readonly all: readonly number[];
  readonly survivors: number;
}

async function measureCancel(context: RowContext): ReturnType<Row["run"]> {
  const trees = context.pick({ quick: 10, usual: 50, full: 200 });
  const jobs = context.pick({ quick: 2, usual: 10, full: 20 });
  context.say("through the worker's run()");
  const alone = (await context.stage.measure("cancel.ts", [String(trees)])) as Ends;
  context.say("from POST cancel");
  const http = await cancelOverHttp(context, jobs);
  return [
    figure("run() stopped to dead tree, p50", percentile(alone.all, 0.5), 100),
    {
      ...figure("run() stopped to dead tree, p99", percentile(alone.all, 0.99), 1_000),
      note: "every tenth tree ignores SIGTERM and dies of SIGKILL after the grace",
    },
    figure("POST cancel to dead tree, p50", percentile(http.all, 0.5), 100),
    figure("POST cancel to dead tree, slowest", Math.max(...http.all), 1_000),
    {
      name: "processes that survived",
      value: alone.survivors + http.survivors,
      unit: "processes",
      goal: { of: "value", at: "most", bound: 0 },
    },
  ];
}

function figure(name: string, value: number, bound: number) {
  return { name, value, unit: "ms", goal: { of: "value", at: "most", bound } } as const;
}

async function cancelOverHttp({ stage }: RowContext, jobs: number): Promise<Ends> {
  const repo = makeRepository(stage.folder("repository"));
  const { port } = await startDispatcher(stage, {
    HIVE_WORKERS: "1",
    HIVE_ALLOW_FILE_REPOS: "1",
    // A range of its own, so that this run and a Hive of this machine never kill each other's processes.
    HIVE_AGENT_UID_BASE: String(300_000_000 + process.pid * 20),
  });
  const client = await HttpConnection.open(port);
  const all: number[] = [];
  let survivors = 0;
  for (let n = 0; n < jobs; n += 1) {
    const word = sleepWord(n);
    const body = { repo: `file://${repo}`, task: "script", script: treeScript(word, false) };
    const { jobId } = (await client.expect(202, "/enqueue", API_TOKEN, body)) as { jobId: string };
    await until("the job's tree to run", () => processesWith(word).length >= TREE_SLEEPS);
    const begun = performance.now();
    await client.expect(200, `/v1/jobs/${jobId}/cancel`, API_TOKEN, {});
    await until("the tree to be dead", () => processesWith(word).length === 0, 10_000).catch(() => undefined);
    all.push(performance.now() - begun);
    const left = processesWith(word);
    survivors += left.length;
    for (const pid of left) process.kill(pid, "SIGKILL");
  }
  client.close();
  return { all, survivors };
}
