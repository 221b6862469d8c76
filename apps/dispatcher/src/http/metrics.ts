/** What Prometheus is told. Counters are kept as things happen; what the queue knows anyway is asked at each scrape. */

import { STATUSES, type Effect } from "@hive/core";
import type { EndpointName } from "@hive/protocol";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { PoolView } from "../fleet/pool-view.ts";

/** What has happened since the start, for `/v1/stats`. */
export interface Counts {
  accepted: number;
  succeeded: number;
  failed: number;
  canceled: number;
  retried: number;
  lost: number;
}

/** What is true at the moment of a scrape. */
export interface Scrape {
  readonly queue: Readonly<Record<string, number>>;
  readonly workers: { readonly free: number; readonly busy: number };
  readonly waitingClaims: number;
  readonly leader: boolean;
  readonly pools: readonly Pick<PoolView, "name" | "workers" | "desired" | "failures" | "state">[];
}

export interface Metrics {
  readonly counts: Readonly<Counts>;
  /** Observes replies of one endpoint: status and milliseconds. */
  endpoint(name: EndpointName): (status: number, ms: number) => void;
  /** For the committer's `onCommit`. */
  readonly commit: (ms: number, changes: number) => void;
  /** For `Queue.onEffect`. */
  readonly effect: (effect: Effect) => void;
  accepted(jobs: number): void;
  /** One delivery of a callback. */
  callback(outcome: "delivered" | "failed" | "dead"): void;
  readers(kind: "events" | "signals" | "logs", change: 1 | -1): void;
  /** The text of a scrape. */
  text(scrape: Scrape): Promise<string>;
  /** For what other parts of the server count. */
  readonly registry: Registry;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const jobs = new Gauge({ name: "hive_jobs", help: "Live jobs by status", labelNames: ["status"], registers });
  const workers = new Gauge({ name: "hive_workers", help: "Registered workers", labelNames: ["state"], registers });
  const claims = new Gauge({ name: "hive_waiting_claims", help: "Workers whose claim waits for a job", registers });
  const leader = new Gauge({ name: "hive_leader", help: "1 on the replica that may write", registers });
  const poolWorkers = new Gauge({
    name: "hive_pool_workers",
    help: "Workers this server started, by pool and what they do",
    labelNames: ["pool", "state"],
    registers,
  });
  const poolDesired = new Gauge({
    name: "hive_pool_desired",
    help: "Workers a pool should have",
    labelNames: ["pool"],
    registers,
  });
  const poolFailures = new Gauge({
    name: "hive_pool_boot_failures",
    help: "Boots of a pool that failed in a row",
    labelNames: ["pool"],
    registers,
  });
  const poolOk = new Gauge({
    name: "hive_pool_ok",
    help: "1 while nothing keeps a pool from starting workers",
    labelNames: ["pool"],
    registers,
  });
  const accepted = new Counter({ name: "hive_jobs_accepted_total", help: "Jobs accepted", registers });
  const ended = new Counter({
    name: "hive_jobs_ended_total",
    help: "Jobs ended, by how",
    labelNames: ["end"],
    registers,
  });
  const retried = new Counter({
    name: "hive_attempts_retried_total",
    help: "Attempts that will be tried again",
    registers,
  });
  const lost = new Counter({
    name: "hive_leases_lost_total",
    help: "Leases that ran out or whose worker died",
    registers,
  });
  const callbacks = new Counter({
    name: "hive_callbacks_total",
    help: "Deliveries of callbacks",
    labelNames: ["outcome"],
    registers,
  });
  const readers = new Gauge({ name: "hive_stream_readers", help: "Open streams", labelNames: ["kind"], registers });
  const commits = new Histogram({
    name: "hive_commit_seconds",
    help: "How long a commit took until it was durable",
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers,
  });
  const changes = new Histogram({
    name: "hive_commit_changes",
    help: "Changes written by one commit",
    buckets: [1, 5, 20, 100, 500, 2000, 5000],
    registers,
  });
  const requests = new Histogram({
    name: "hive_http_request_seconds",
    help: "Time to the reply, by endpoint and status",
    labelNames: ["endpoint", "status"],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  const counts: Counts = { accepted: 0, succeeded: 0, failed: 0, canceled: 0, retried: 0, lost: 0 };

  function ends(end: "succeeded" | "failed" | "canceled"): void {
    counts[end] += 1;
    ended.inc({ end });
  }

  return {
    counts,
    registry,
    endpoint(name) {
      // One child per status, looked up once: labels cost more than the observation itself.
      const byStatus = new Map<number, { observe(seconds: number): void }>();
      return (status, ms) => {
        let child = byStatus.get(status);
        if (child === undefined) {
          child = requests.labels({ endpoint: name, status: String(status) });
          byStatus.set(status, child);
        }
        child.observe(ms / 1000);
      };
    },
    commit(ms, size) {
      commits.observe(ms / 1000);
      changes.observe(size);
    },
    effect(effect) {
      if (effect.type !== "event") return;
      const { type, data } = effect.event;
      if (type === "job.succeeded") ends("succeeded");
      else if (type === "job.failed") ends("failed");
      else if (type === "job.canceled") ends("canceled");
      else if (type === "job.retrying") {
        counts.retried += 1;
        retried.inc();
      }
      if (isLost(data["error"])) {
        counts.lost += 1;
        lost.inc();
      }
    },
    accepted(number) {
      counts.accepted += number;
      accepted.inc(number);
    },
    callback(outcome) {
      callbacks.inc({ outcome });
    },
    readers(kind, change) {
      readers.inc({ kind }, change);
    },
    async text(scrape) {
      for (const status of STATUSES) if (status in scrape.queue) jobs.set({ status }, scrape.queue[status] ?? 0);
      workers.set({ state: "free" }, scrape.workers.free);
      workers.set({ state: "busy" }, scrape.workers.busy);
      claims.set(scrape.waitingClaims);
      leader.set(scrape.leader ? 1 : 0);
      for (const gauge of [poolWorkers, poolDesired, poolFailures, poolOk]) gauge.reset();
      for (const { name: pool, workers: counts, desired, failures, state } of scrape.pools) {
        for (const [phase, count] of Object.entries(counts)) poolWorkers.set({ pool, state: phase }, count);
        poolDesired.set({ pool }, desired);
        poolFailures.set({ pool }, failures);
        poolOk.set({ pool }, state === "ok" ? 1 : 0);
      }
      return registry.metrics();
    },
  };
}

/** An attempt whose worker was not heard of any more. */
function isLost(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "worker_lost";
}
