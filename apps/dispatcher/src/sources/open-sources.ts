/** Puts the parts of sources together, from what the operator wrote. */

import type { Logger } from "pino";
import type { BudgetPolicy } from "../budgets/budget-policy.ts";
import { isSourceOverBudget } from "../budgets/source-budget.ts";
import type { Clock } from "../clock.ts";
import { keepIntake } from "../intake/intake-process.ts";
import type { JobPolicy } from "../queue/compile-job.ts";
import type { Queue } from "../queue/contract.ts";
import { open, seal, type KeyRing } from "../secrets/sealing.ts";
import { createDeliveries, type DeliveryPlace } from "./deliveries.ts";
import { createFoundKeeper } from "./keep-found.ts";
import { createGroupOpener } from "./open-groups.ts";
import { createHealthBook } from "./source-health.ts";
import type { Source } from "./source-settings.ts";
import { readSourceSecrets } from "./source-secrets.ts";
import { createSources, type Sources } from "./sources.ts";

export interface OpenSourcesOptions {
  readonly sources: readonly Source[];
  /** Networks that addresses from outside may lead to although they are private. */
  readonly allowPrivate: readonly string[];
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly policy: JobPolicy;
  readonly budgets: Pick<BudgetPolicy, "sourceAccount">;
  readonly ring: KeyRing;
  readonly variable: (name: string) => string | undefined;
}

/** All sources, not started yet. @throws Error naming every secret that is missing */
export function openSources(options: OpenSourcesOptions): Sources {
  const { sources, queue, clock, log, policy, budgets, ring, variable } = options;
  const secrets = readSourceSecrets(sources, variable);
  const health = createHealthBook();
  const keep = createFoundKeeper({ queue, onFollowUp: (source, message) => log.info({ source }, message) });
  const context = ({ source, id }: DeliveryPlace) => ({ jobId: `source ${source}`, field: `delivery ${id}` });
  const deliveries = createDeliveries({
    ...{ queue, clock, health, keep },
    seal: (place, text) => seal(ring, context(place), text),
    open: (place, sealed) => open(ring, context(place), sealed),
  });
  const ca = variable("NODE_EXTRA_CA_CERTS");
  return createSources({
    ...{ sources, secrets, queue, clock, health, deliveries, keep },
    opener: createGroupOpener({
      queue,
      clock,
      policy,
      overBudget: ({ id }, now) => isSourceOverBudget({ queue, budgets }, id, now),
    }),
    startIntake: () =>
      keepIntake({
        settings: {
          sources: Object.fromEntries(sources.map(({ id, given }) => [id, given])),
          secrets: Object.fromEntries(secrets),
          allowPrivate: [...options.allowPrivate],
        },
        clock,
        env: ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca },
        onLine: (line) => log.debug({ part: "intake" }, line),
        onTrouble: (message) => log.warn(message),
      }),
    onTrouble: (message, error) => log.error({ err: error }, message),
  });
}
