import type { Effect, EventType } from "@hive/core";
import { pino } from "pino";
import { beforeEach, expect, it } from "vitest";
import { tellJobStory } from "./job-story.ts";
import { readable } from "./log.ts";
import { HandClock } from "./queue/queue.fixture.ts";

let lines: string[];
let clock: HandClock;
let happen: (type: EventType, data?: Record<string, unknown>, jobId?: string | null) => void;
let stop: () => void;

beforeEach(() => {
  lines = [];
  clock = new HandClock();
  const log = pino({ base: null }, { write: (line: string) => void lines.push(readable(line).slice(9).trimEnd()) });
  let listen: ((effect: Effect) => void) | null = null;
  let id = 0;
  stop = tellJobStory(
    {
      onEffect: (listener) => {
        listen = listener;
        return () => {
          listen = null;
        };
      },
    },
    log,
    clock,
  );
  happen = (type, data = {}, jobId = "tidy-up") => {
    id += 1;
    listen?.({ type: "event", event: { id, type, at: 0, jobId, data } });
  };
});

it("tells a job's way in lines that name it", () => {
  happen("job.queued", { priority: 5 });
  happen("job.leased", { workerId: "hive-worker-1", fence: 1 });
  happen("job.started");
  happen("job.progress", { phase: "run" });
  happen("job.publishing", { ref: "refs/heads/hive/tidy-up", commit: "0123456789abcdef" });
  const pullRequest = { number: 7, url: "https://git.example/acme/app/pull/7" };
  happen("job.succeeded", { result: { branch: "hive/tidy-up", commit: "0123456789abcdef", pullRequest } });
  expect(lines).toEqual([
    "info  tidy-up: queued",
    "info  tidy-up: given to hive-worker-1",
    "info  tidy-up: pushes 0123456789 to hive/tidy-up",
    "info  tidy-up: succeeded: hive/tidy-up is at 0123456789, https://git.example/acme/app/pull/7",
  ]);
});

it("says when a budget is nearly used, and when a job is to stop for it", () => {
  happen("job.budget", { account: "job", name: null, dimension: "usd", used: 0.0042, limit: 0.005 });
  happen("job.budget", { account: "project", name: "github.com/acme/*", dimension: "turns", used: 80, limit: 100 });
  happen("job.budget", { account: "day", name: null, dimension: "tokens", used: 900, limit: 1_000 });
  happen("job.stop_requested", { code: "budget_exceeded", message: "the job's budget of $0.01 is used up" });
  expect(lines).toEqual([
    "WARN  tidy-up: $0.0042 of $0.0050 are used of the budget of the job",
    "WARN  tidy-up: 80 of 100 model calls are used of the budget of the day of github.com/acme/*",
    "WARN  tidy-up: 900 of 1000 tokens are used of the budget of the day",
    "WARN  tidy-up: is to stop: the job's budget of $0.01 is used up",
  ]);
});

it("says why a job does not run, or did not succeed", () => {
  happen("job.held", { reason: "no_agent" });
  happen("job.scheduled", { runAt: Date.UTC(2030, 0, 2, 3, 4, 5) });
  happen("job.retrying", { error: { code: "clone_failed", message: "the host\ndoes not answer" } });
  happen("job.failed", { reason: "poison", message: "its worker was lost" });
  happen("job.succeeded", { result: { noChanges: true, branch: null } });
  happen("worker.gone", { name: "hive-worker-2", message: "exit code 1" }, null);
  expect(lines).toEqual([
    "info  tidy-up: held: no_agent",
    "info  tidy-up: waits until 2030-01-02T03:04:05Z",
    "WARN  tidy-up: failed and is tried again: clone_failed: the host does not answer",
    "WARN  tidy-up: failed: poison: its worker was lost",
    "info  tidy-up: succeeded, nothing changed",
    "info  worker hive-worker-2 is gone: exit code 1",
  ]);
});

it("leaves lines out when jobs come faster than anybody reads, and says how many", () => {
  for (let n = 0; n < 1_000; n += 1) happen("job.queued", {}, `job-${n}`);
  expect(lines).toHaveLength(200);
  clock.time += 1_000;
  happen("job.queued", {}, "later");
  expect(lines.slice(200)).toEqual(["info  800 more lines about jobs were left out", "info  later: queued"]);
});

it("is silent after its stop", () => {
  stop();
  happen("job.queued");
  expect(lines).toEqual([]);
});
