/** What the way out's process asks: may this lease reach that place, please tell of a refusal, which leases are over. */

import { HiveError, normalHost, type Place, showPlace, trustOf } from "@hive/core";
import type { EgressRefusal, EgressVerdict } from "@hive/protocol";
import { decide, type Asking } from "../../egress/decide.ts";
import { createEgressMetrics } from "../../egress/egress-metrics.ts";
import type { VerifiedLease } from "../../auth/lease-tokens.ts";
import { begunJob } from "../begun-job.ts";
import type { Handlers } from "../handler.ts";
import { egressOf, findBody } from "../job-view.ts";
import type { Parts } from "../parts.ts";

type EgressParts = Pick<Parts, "queue" | "leases" | "githubApiFor" | "egress" | "metrics" | "log">;

export function egressHandlers(parts: EgressParts): Pick<Handlers, "egressOpen" | "egressBlocked" | "egressReport"> {
  const { queue, leases, log } = parts;
  const metrics = createEgressMetrics(parts.metrics.registry);

  async function askingOf(lease: VerifiedLease): Promise<Asking> {
    const job = await begunJob(queue, lease);
    const { repo } = job;
    const [body, worker] = await Promise.all([
      findBody(queue, lease.jobId),
      queue.read((state) => state.workers.get(lease.workerId)?.record ?? null),
    ]);
    const given = worker?.egress ?? null;
    return {
      repo,
      githubApi: URL.canParse(repo) ? parts.githubApiFor(new URL(repo).host) : null,
      workerList: given ?? parts.egress,
      workerListName:
        given === null ? "HIVE_EGRESS (egress in hive.yaml)" : `egress of the pool ${worker?.pool ?? ""} in hive.yaml`,
      jobList: body === null ? null : egressOf(body),
      untrusted: trustOf(job) === "untrusted",
    };
  }

  interface Blocked extends Place {
    readonly jobId: string;
    readonly fence: number;
    readonly reason: EgressRefusal;
    readonly message: string;
  }

  async function tell({ jobId, fence, host, port, reason, message }: Blocked): Promise<boolean> {
    metrics.refused(reason);
    const lease = { jobId, fence };
    const { told } = await queue.submit<"egressBlocked">({ type: "egressBlocked", lease, host, port, reason, message });
    if (told) log.info({ jobId, fence, host, port, reason }, `blocked: ${showPlace({ host, port })}`);
    return told;
  }

  return {
    async egressOpen({ body }): Promise<EgressVerdict> {
      const host = normalHost(body.host);
      if (host === null) throw new HiveError("invalid_field", `"${body.host.slice(0, 80)}" is no host`);
      const lease = await leases.admit(body.token, ["egress", "worker"]);
      const { jobId, fence } = lease;
      const audience = lease.audience === "worker" ? "worker" : "egress";
      const place = { host, port: body.port };
      const decision = decide(audience, place, await askingOf(lease));
      if (decision.allowed) return { jobId, fence, audience, ...decision };
      await tell({ jobId, fence, ...place, reason: decision.reason, message: decision.message });
      return { jobId, fence, ...decision };
    },

    async egressBlocked({ body }) {
      return { told: await tell(body) };
    },

    async egressReport({ body }) {
      metrics.passed(body);
      const over = await queue.read((state) =>
        body.leases.filter(({ jobId, fence }) => state.leases.of(jobId)?.fence !== fence),
      );
      return { over };
    },
  };
}
