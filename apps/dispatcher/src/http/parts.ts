/** What the HTTP server is made of. `main.ts` builds these; tests build them with small numbers and a real store in memory. */

import type { StuckSettings } from "../agents/stuck-settings.ts";
import type { PullRequestSettings } from "@hive/protocol";
import type { Logger } from "pino";
import type { LeaseAccess } from "../auth/lease-access.ts";
import type { LeaseTokens } from "../auth/lease-tokens.ts";
import type { Registrar } from "../auth/registration.ts";
import type { WorkerTokens } from "../auth/worker-tokens.ts";
import type { Backups } from "../backup/backups.ts";
import type { BudgetPolicy } from "../budgets/budget-policy.ts";
import type { CacheStore } from "../caches/cache-files.ts";
import type { Clock } from "../clock.ts";
import type { CredentialFinder } from "../credentials/job-credential.ts";
import type { Mirrors } from "../mirrors/mirrors.ts";
import type { PoolView } from "../fleet/pool-view.ts";
import type { Notifier } from "../notify/notifier.ts";
import type { PriceBook } from "../prices/price-book.ts";
import type { JobPolicy } from "../queue/compile-job.ts";
import type { Queue } from "../queue/contract.ts";
import type { Schedules } from "../schedules/schedules.ts";
import type { Sources } from "../sources/sources.ts";
import type { Waiters } from "../queue/waiters.ts";
import type { ArtifactStore, LogStore } from "../logs/contract.ts";
import type { Sessions } from "../auth/sessions.ts";
import type { Metrics } from "./metrics.ts";
import type { WebUi } from "./web-ui.ts";
import type { WorkerPresence } from "./worker-presence.ts";

/** The intervals every worker is told at registration, in milliseconds. */
export interface WorkerIntervals {
  readonly claimWaitMs: number;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly logFlushMs: number;
}

/** The sizes every worker is told at registration, in bytes. */
export interface WorkerLimits {
  readonly logChunkBytes: number;
  readonly logBytes: number;
  readonly artifactBytes: number;
}

export interface Parts {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** How people reach this server, without a slash at the end: for links. */
  readonly publicUrl: string;
  /** What people's programs present; several while one is being replaced. Each at least 16 characters. */
  readonly ownerTokens: readonly string[];
  /** Of browsers. */
  readonly sessions: Sessions;
  readonly webUi: WebUi;
  /** What this server's own processes present: the LLM gateway, the way out. */
  readonly serverToken: string;
  /** The command that gives a person the token, such as `source hive-data/secrets.env`; part of every 401. */
  readonly tokenHint: string;
  readonly leaseTokens: LeaseTokens;
  readonly leases: LeaseAccess;
  readonly workerTokens: WorkerTokens;
  readonly registrar: Registrar;
  readonly presence: WorkerPresence;
  readonly waiters: Waiters;
  readonly policy: JobPolicy;
  readonly budgets: BudgetPolicy;
  readonly prices: PriceBook;
  /** Milliseconds a model call waits for others to be settled, before a budget that they fill refuses it. */
  readonly roomMs: number;
  readonly logs: LogStore;
  readonly artifacts: ArtifactStore;
  /** Null: this server keeps no caches. */
  readonly caches: CacheStore | null;
  /** Repositories for workers in containers. */
  readonly mirrors: Mirrors;
  readonly credentials: CredentialFinder;
  /** Opens a sealed secret of a job. @throws when it cannot be opened. */
  readonly openSecret: (jobId: string, name: string, sealed: unknown) => string;
  /** The GitHub API that fits a repository's host, or null when it is not a GitHub. */
  readonly githubApiFor: (host: string) => string | null;
  /** How pull requests of the repository `host/owner/name` should be. */
  readonly pullRequestFor: (place: string) => PullRequestSettings;
  /** The hosts that jobs may reach on workers whose launcher said nothing else. */
  readonly egress: readonly string[];
  readonly intervals: WorkerIntervals;
  /** When workers are to stop agents as stuck. */
  readonly stuck: StuckSettings;
  /** Milliseconds a worker has for the first heartbeat of a lease; the queue's own rule. */
  readonly firstBeatMs: number;
  readonly limits: WorkerLimits;
  readonly metrics: Metrics;
  /** What the store may lose of the acknowledged, a sentence each; empty: nothing. */
  readonly storeWarnings: () => readonly string[];
  /** The kinds of workers this server starts, as they are now; none before the fleet has started. */
  readonly pools: () => readonly PoolView[];
  /** The clocks that make jobs. */
  readonly schedules: Schedules;
  readonly sources: Sources;
  /** What people are told over. */
  readonly notifier: Pick<Notifier, "list" | "test">;
  /** Copies of everything, for whoever asks. */
  readonly backups: Backups;
}
