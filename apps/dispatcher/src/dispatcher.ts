/**
 * The dispatcher as a whole: builds its parts from the settings, starts them in order, stops them in reverse. Where jobs
 * and logs are kept is not decided here: `main.ts` passes that.
 */

import { join } from "node:path";
import { DEFAULT_RULES, type Rules } from "@hive/core";
import type { Logger } from "pino";
import { splitTokens } from "./auth/bearer.ts";
import { createAgentPolicy } from "./agents/agent-policy.ts";
import { createLeaseAccess } from "./auth/lease-access.ts";
import { createLeaseTokens } from "./auth/lease-tokens.ts";
import { createRegistrar } from "./auth/registration.ts";
import { readSigningKey } from "./auth/signing-key.ts";
import { createSessions } from "./auth/sessions.ts";
import { createWorkerTokens } from "./auth/worker-tokens.ts";
import { createBackups } from "./backup/backups.ts";
import { createBudgetPolicy } from "./budgets/budget-policy.ts";
import type { CacheStore } from "./caches/cache-files.ts";
import { Deliverer } from "./callbacks/deliverer.ts";
import { createEndpointKeys } from "./callbacks/endpoint-keys.ts";
import { createSender } from "./callbacks/send.ts";
import { systemClock } from "./clock.ts";
import { createRepoCredentials, githubApiFor } from "./credentials/repo-credentials.ts";
import { pullRequestOf } from "./credentials/repo-rules.ts";
import type { FleetChoice } from "./fleet/choose-fleet.ts";
import { createGuard } from "./guard/guard.ts";
import { createGuardedClient } from "./guard/request.ts";
import { mountLlmRelay } from "./http/llm-relay.ts";
import { createMetrics } from "./http/metrics.ts";
import { createServer } from "./http/server.ts";
import { openWebUi } from "./http/web-ui.ts";
import { createWorkerPresence } from "./http/worker-presence.ts";
import { tellJobStory } from "./job-story.ts";
import { advertisedUrl, reachProblem } from "./leader/advertised-url.ts";
import { createLeadership } from "./leader/leadership.ts";
import { tellRole } from "./leader/tell-role.ts";
import { freePort, localAddress } from "./listening.ts";
import { openMirrors } from "./mirrors/open-mirrors.ts";
import { createOwnProcesses } from "./processes/own-processes.ts";
import { createNotifier } from "./notify/notifier.ts";
import { openChannels } from "./notify/open-channels.ts";
import { createPriceBook } from "./prices/price-book.ts";
import { Committer } from "./queue/committer.ts";
import { createJobPolicy, limitOf, reconsiderHeld } from "./queue/job-policy.ts";
import { createWaiters } from "./queue/waiters.ts";
import { createRetention } from "./retention/retention.ts";
import { createScheduleClock } from "./schedules/schedule-clock.ts";
import { createSchedules } from "./schedules/schedules.ts";
import { createIssueTeller } from "./sources/github/issue-teller.ts";
import { createIssueWriter } from "./sources/github/issue-writer.ts";
import { openSources } from "./sources/open-sources.ts";
import { open, parseKeyRing } from "./secrets/sealing.ts";
import { openRunFolder, runFolderOf } from "./run-folder.ts";
import type { Settings } from "./settings.ts";
import type { Storage } from "./storage.ts";
import { isRedisUrl } from "./store/store-options.ts";

/** The version every reply and every worker sees. */
export const VERSION = "0.1.0";
/** Where `npm run build` puts the pages. */
const WEB_UI = join(import.meta.dirname, "../../web/dist");
/** Bytes of log a worker sends at once, and of one attempt's log in all. */
const LOG_CHUNK_BYTES = 1_048_576;
/**
 * How long a model call waits for room in a budget. Agents that work in parallel set aside much more than they use, so
 * this is about as long as a call takes; the patience of the gateway, and of every agent, is longer.
 */
const ROOM_MS = 240_000;
const CLAIM_WAIT_MS = 25_000;
const LOG_FLUSH_MS = 250;

/** What a dispatcher cannot make itself. */
export interface DispatcherOptions extends Settings {
  readonly log: Logger;
  /** Which workers this server starts, and where. */
  readonly fleet: FleetChoice;
  /** Where jobs, logs and artifacts are kept. Outlives the dispatcher. */
  readonly storage: Storage;
  /** Called once this server has its store, so that two servers never share a folder. Null: no caches are kept. */
  readonly openCaches: () => Promise<CacheStore | null>;
}

export interface Dispatcher {
  readonly url: string;
  /** Whether the pages of the web UI are there. */
  readonly hasPages: boolean;
  /** Stops in the reverse order of the start. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts everything. @throws with a message for people when a part cannot start; what had started is stopped again. */
export async function startDispatcher(options: DispatcherOptions): Promise<Dispatcher> {
  const { config, secrets, log } = options;
  const clock = systemClock;
  const onTrouble = (message: string, error: unknown): void => log.error({ err: error }, message);
  const stops: (() => Promise<void> | void)[] = [];
  let stopping: Promise<void> | null = null;
  const stopAll = async (): Promise<void> => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  const stop = (): Promise<void> => (stopping ??= stopAll());

  try {
    const guard = createGuard({ allowPrivate: config.allowPrivateAddresses });
    const ring = parseKeyRing(secrets.sealingKeys);
    const signingKey = readSigningKey(secrets.signingKey);
    const metrics = createMetrics();
    const rules: Rules = {
      ...DEFAULT_RULES,
      leaseMs: config.leaseMs,
      maxWaiting: config.maxWaiting,
      limitOf: limitOf(config),
    };

    const runFolder = runFolderOf(config);
    await openRunFolder(runFolder);

    const { logs, artifacts } = options.storage.openLogs(() => queue.position());
    stops.push(() => logs.close());
    // Before the first election: a second start by mistake must not take the store from the first.
    const wanted = await freePort(config.host, config.port);
    const advertised = config.advertiseUrl ?? advertisedUrl(config.host, wanted);
    const problem = isRedisUrl(config.store) ? reachProblem(advertised, config.store) : null;
    if (problem !== null) log.warn(problem);
    const leadership = createLeadership({
      url: advertised,
      secrets,
      signingKey,
      mono: clock.mono,
    });
    const queue = new Committer({
      openStore: () => options.storage.openStore(leadership),
      rules,
      clock,
      abstain: (abstains) => leadership.watch.abstain(abstains),
      listensLater: true,
      onTrouble,
      onCommit: metrics.commit,
    });
    await queue.start();
    stops.push(() => queue.stop());
    stops.push(tellJobStory(queue, log, clock), tellRole(queue, log));

    const budgets = createBudgetPolicy(config.budgets, config.repos, config.sources);
    const agents = createAgentPolicy(config);
    const policy = createJobPolicy({
      config,
      guard,
      ring,
      budgets,
      agents,
      hashKey: signingKey.derive("job-body"),
      mono: clock.mono,
      isolated: options.fleet.isolated,
    });
    // At each beginning as the queen: the one before may have had other settings.
    const reconsider = (): Promise<void> => reconsiderHeld(queue, policy);
    if (queue.readiness().ready) await reconsider();
    queue.onReadiness(({ ready }) => {
      if (ready) reconsider().catch((error: unknown) => onTrouble("held jobs could not be looked at", error));
    });

    const client = createGuardedClient(guard);
    const deliverer = new Deliverer({
      queue,
      clock,
      onTrouble,
      onTry: (outcome) => metrics.callback(outcome),
      serverUrl: config.callbackUrl,
      send: createSender({
        guard,
        client,
        secretsFor: createEndpointKeys({
          rules: config.callbackKeys,
          serverKeys: splitTokens(secrets.webhookSecret),
          variable: options.variable,
        }),
      }),
    });

    const leaseTokens = createLeaseTokens(signingKey);
    const registrar = createRegistrar(secrets.callbackSecret, clock);
    // The same on all dispatchers of a store: what the gateway of a standby asks is handed on to the queen.
    const serverToken = Buffer.from(signingKey.derive("server-token")).toString("base64url");
    const heartbeatMs = Math.round(config.leaseMs / 3);
    const webUi = await openWebUi(WEB_UI);
    const publicUrl = config.publicUrl ?? `http://localhost:${wanted}`;
    const own = createOwnProcesses({
      ...{ config, llm: options.llm, variable: options.variable, choice: options.fleet, queue, clock, log },
      ...{ serverToken, runFolder, callbackSecret: secrets.callbackSecret },
      agents: agents.names,
      tokens: registrar,
    });
    const mirrors = openMirrors({
      config,
      queue,
      clock,
      log,
      variable: options.variable,
      proxy: own.proxy,
    });
    stops.push(() => mirrors.stop());
    const schedules = createSchedules({ queue, clock, policy });
    const sources = openSources({
      ...{ queue, clock, log, policy, budgets, ring, sources: config.sources, variable: options.variable },
      allowPrivate: config.allowPrivateAddresses,
    });
    const credentials = createRepoCredentials({
      rules: config.repos,
      githubApiUrl: config.githubApiUrl,
      variable: options.variable,
      wall: clock.wall,
    });
    const apiFor = (host: string): string | null => githubApiFor(host, config.githubApiUrl);
    const issues = createIssueTeller({
      ...{ queue, clock, publicUrl, log, key: signingKey.derive("issue-comments") },
      sources: config.sources.filter(({ type }) => type.hasIssues).map(({ id }) => id),
      write: createIssueWriter({ guard, client, credentials, apiFor }),
    });
    const notifier = createNotifier({
      ...{ queue, clock, publicUrl, pools: own.pools, sources: () => sources.list() },
      channels: openChannels({
        ...{ channels: config.notify, guard, client, variable: options.variable, wall: clock.wall },
        serverKeys: splitTokens(secrets.webhookSecret),
      }),
      onTrouble: (message) => log.warn(message),
    });
    const server = createServer({
      queue,
      clock,
      log,
      version: VERSION,
      publicUrl,
      ownerTokens: splitTokens(secrets.internalApiToken),
      sessions: createSessions({
        tokens: splitTokens(secrets.internalApiToken),
        secret: signingKey.derive("browser-sessions"),
        isSecure: publicUrl.startsWith("https:"),
        clock,
      }),
      webUi,
      serverToken,
      egress: config.egress,
      tokenHint: options.tokenHint,
      leaseTokens,
      leases: createLeaseAccess(leaseTokens, queue, clock),
      workerTokens: createWorkerTokens(signingKey.derive("worker-tokens")),
      registrar,
      presence: createWorkerPresence(queue, clock),
      waiters: createWaiters(queue, clock),
      policy,
      schedules,
      sources,
      notifier,
      budgets,
      prices: createPriceBook(config.prices, clock.wall),
      roomMs: ROOM_MS,
      logs,
      artifacts,
      caches: await options.openCaches(),
      mirrors,
      credentials,
      openSecret: (jobId, field, sealed) => open(ring, { jobId, field }, sealed),
      githubApiFor: apiFor,
      pullRequestFor: (place) => pullRequestOf(config.repos, place),
      stuck: config.stuck,
      intervals: { claimWaitMs: CLAIM_WAIT_MS, heartbeatMs, leaseMs: config.leaseMs, logFlushMs: LOG_FLUSH_MS },
      firstBeatMs: rules.firstBeatMs,
      limits: { logChunkBytes: LOG_CHUNK_BYTES, ...options.storage.limits },
      metrics,
      storeWarnings: options.storage.warnings,
      backups: createBackups({
        ...{ queue, logs, artifacts, clock, onTrouble },
        version: VERSION,
        secretsId: leadership.secretsId,
      }),
      pools: own.pools,
    });
    mountLlmRelay(server.app, own.gatewayUrl);
    const port = await server.listen(wanted, config.host);
    queue.listens();
    stops.push(() => server.close());
    await deliverer.start();
    stops.push(async () => {
      await deliverer.stop();
      client.close();
    });
    const { keepDays: days, keepJobs: jobs, keepLogDays: logDays, idRetention: idDays } = config;
    const retention = createRetention({
      queue,
      logs,
      clock,
      keep: { days, jobs, logDays, idDays },
      sources: () => config.sources.map(({ id }) => id),
      onTrouble,
      onSwept: (swept) => log.info(swept, "old jobs were taken away"),
    });
    retention.start();
    stops.push(() => retention.stop());

    const clockwork = createScheduleClock({
      ...{ queue, clock, policy, schedules, onTrouble },
      fromFile: config.schedules,
    });
    clockwork.start();
    stops.push(() => clockwork.stop());
    notifier.start();
    stops.push(() => notifier.stop());
    issues.start();
    stops.push(() => issues.stop());
    sources.start();
    stops.push(() => sources.stop());

    stops.push(() => own.stop());
    // However people reach this server: its own programs are on this machine.
    await own.start(localAddress(config.host, port));
    // First of all: somebody else is the queen before anything here ends, and what still runs here is handed on to her.
    stops.push(() => queue.handOver());
    return { url: publicUrl, hasPages: webUi.isBuilt, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
