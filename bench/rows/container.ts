/**
 * What a container costs a job. Raw: the engine creates, starts, waits for and removes a container of the same image with
 * the same walls that runs `true`. Cold: from the enqueue to the start of the attempt when no worker waits, so a container
 * is made for it. Warm: the same with a container that waits. Beside both, a worker that is a plain process.
 */
import { writeFileSync } from "node:fs";
import { importBaseImage, BASE_IMAGE } from "../../test/containers/engine/base-image.ts";
import { engineCall, engineJson } from "../../test/containers/engine/engine-api.ts";
import { type Engine, startEngine } from "../../test/containers/engine/engine.ts";
import { buildImage } from "../../scripts/images.ts";
import { API_TOKEN, type BenchDispatcher, startDispatcher } from "../dispatcher.ts";
import { HttpConnection } from "../http-connection.ts";
import { type Figure, median, type Row, type RowContext } from "../row.ts";
import { until } from "../stage.ts";
import { makeRepository } from "./small-repository.ts";

const IMAGE = "hive-worker:bench";

export const containerRow: Row = {
  name: "container",
  about: "what a container costs: a cold and a warm worker against a process, and against the engine alone",
  run: measureContainers,
};

async function measureContainers(context: RowContext): Promise<readonly Figure[]> {
  const { stage } = context;
  const rounds = context.pick({ quick: 2, usual: 10, full: 30 });
  context.say("an engine of its own, and the worker image");
  const engine = await startEngine();
  stage.onClear(() => engine.stop());
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: "0" };
  importBaseImage(env);
  await buildImage("worker", { name: IMAGE, args: { BASE_IMAGE }, env, quiet: true });

  context.say("the engine alone");
  const raw = await repeat(rounds, () => rawRun(engine));
  context.say("workers as processes");
  const asProcess = await startsOf(context, rounds, { HIVE_FLEET: "process", HIVE_WORKERS: "1" }, "idle");
  const docker = { HIVE_FLEET: "docker", HIVE_DOCKER_HOST: `unix://${engine.socket}`, HIVE_WORKER_IMAGE: IMAGE };
  context.say("cold containers");
  const cold = await startsOf(context, rounds, { ...docker, HIVE_WORKERS: "2" }, "none");
  context.say("warm containers");
  const warm = await startsOf(context, rounds, { ...docker, HIVE_WORKERS: "3" }, "idle");
  const beside = median(asProcess);
  return [
    {
      name: "warm container: enqueue to start, beyond a process's, p50",
      value: Math.max(0, median(warm) - beside),
      unit: "ms",
      goal: { of: "value", at: "most", bound: 50 },
      note: `warm ${median(warm).toFixed(1)} ms, process ${beside.toFixed(1)} ms`,
    },
    {
      name: "cold container: enqueue to start, p50",
      value: median(cold),
      unit: "ms",
      anchor: { name: "the engine alone: create, start `true`, remove", value: median(raw) },
      goal: { of: "ratio", at: "most", bound: 1.2 },
      note: "cold includes the start of Node and the registration",
    },
  ];
}

async function repeat(times: number, measure: () => Promise<number>): Promise<number[]> {
  const all: number[] = [];
  for (let n = 0; n < times; n += 1) all.push(await measure());
  return all;
}

/** Milliseconds of one container's whole life around `true`. */
async function rawRun({ socket }: Engine): Promise<number> {
  const begun = performance.now();
  const { Id } = await engineJson<{ readonly Id: string }>(socket, "POST", "/containers/create", {
    Image: IMAGE,
    Entrypoint: ["/bin/true"],
    HostConfig: {
      NetworkMode: "none",
      CapDrop: ["ALL"],
      CapAdd: ["SETUID", "SETGID", "KILL", "CHOWN"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      Init: true,
      Tmpfs: { "/run/hive": "mode=0700", "/workspace": "exec", "/tmp": "exec" },
    },
  });
  await engineCall(socket, "POST", `/containers/${Id}/start`);
  await engineCall(socket, "POST", `/containers/${Id}/wait`);
  await engineCall(socket, "DELETE", `/containers/${Id}?v=1`);
  return performance.now() - begun;
}

/** Milliseconds from the enqueue to the start of the attempt, one job at a time; `ready`: which workers wait before each. */
async function startsOf(
  { stage }: RowContext,
  rounds: number,
  env: Readonly<Record<string, string>>,
  ready: "idle" | "none",
): Promise<number[]> {
  const repo = makeRepository(stage.folder("repository"));
  const hive = await startDispatcher(stage, {
    HIVE_ALLOW_FILE_REPOS: "1",
    HIVE_AGENT_UID_BASE: String(300_000_000 + process.pid * 20),
    ...env,
    ...(ready === "none" ? { HIVE_CONFIG: coldPool(stage.folder("settings")) } : {}),
  });
  const client = await HttpConnection.open(hive.port);
  // A job that ends at its start: there is no such branch. What comes before is all that is measured.
  const body = { repo: `file://${repo}`, task: "script", script: "true", base: "no-such-branch", maxAttempts: 1 };
  const one = async (): Promise<number> => {
    await until("the workers to be as they should", () => workersAre(hive, ready));
    const { jobId } = (await client.expect(202, "/enqueue", API_TOKEN, body)) as { readonly jobId: string };
    await until("the job to be over", async () => (await statusOf(hive, jobId)) === "failed");
    const { events } = await ask<Events>(hive, `/v1/jobs/${jobId}/events`);
    const at = (type: string): number => events.find((event) => event.type === type)?.at ?? Number.NaN;
    return at("job.started") - at("job.queued");
  };
  await one();
  const all = await repeat(rounds, one);
  client.close();
  await hive.stop();
  return all;
}

interface Events {
  readonly events: readonly { readonly type: string; readonly at: number }[];
}

async function workersAre(hive: BenchDispatcher, ready: "idle" | "none"): Promise<boolean> {
  const { pools } = await ask<{
    readonly pools: readonly { readonly workers: Readonly<Record<string, number>> }[];
  }>(hive, "/v1/pools");
  const { starting = 0, idle = 0, busy = 0, draining = 0 } = pools[0]?.workers ?? {};
  return ready === "idle" ? idle > 0 && starting + draining === 0 : starting + idle + busy + draining === 0;
}

async function statusOf(hive: BenchDispatcher, jobId: string): Promise<string> {
  return (await ask<{ readonly status: string }>(hive, `/v1/jobs/${jobId}`)).status;
}

async function ask<T>(hive: BenchDispatcher, path: string): Promise<T> {
  const answer = await fetch(`${hive.url}${path}`, { headers: { authorization: `Bearer ${API_TOKEN}` } });
  return (await answer.json()) as T;
}

/** A hive.yaml whose pool keeps nothing warm. */
function coldPool(folder: string): string {
  const path = `${folder}/hive.yaml`;
  writeFileSync(path, "pools:\n  - name: default\n    warm: 0\n    max: 2\n");
  return path;
}
