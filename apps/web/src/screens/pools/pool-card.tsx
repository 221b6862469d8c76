import type { Pool } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { TriangleAlert } from "lucide-react";
import { CopyButton } from "../../ui/command.tsx";
import { bytes, Fact, Facts, number } from "../../ui/facts.tsx";
import { Names } from "../../ui/names.tsx";
import { duration, Time } from "../../ui/time.tsx";
import { PoolGauge } from "./pool-gauge.tsx";
import { PoolSettings } from "./pool-settings.tsx";
import { meaningOf, PoolBadge } from "./pool-state.tsx";

/** One kind of worker: how it is, what is in its way, what it may have. */
export function PoolCard({ pool }: { readonly pool: Pool }) {
  const { name, state, message, runnable } = pool;
  return (
    <section
      id={`pool-${name}`}
      aria-label={`Pool ${name}`}
      tabIndex={-1}
      data-pool={name}
      className="rounded-lg border border-line bg-panel"
    >
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2.5">
        <h2 className="outside-text text-sm font-semibold">{name}</h2>
        <PoolBadge state={state} />
        <span className="text-sm text-soft">{state === "ok" ? meaningOf(state) : message}</span>
        <span className="tabular ml-auto text-sm">
          {number(runnable)} {runnable === 1 ? "job" : "jobs"} could run now
        </span>
      </header>
      <div className="space-y-3 px-4 py-3">
        {state !== "ok" && <p className="text-sm">{meaningOf(state)}</p>}
        <BootTrouble pool={pool} />
        <PoolGauge pool={pool} />
        <PoolFacts pool={pool} />
      </div>
      <PoolSettings pool={pool} />
    </section>
  );
}

function BootTrouble({ pool: { failures, lastError, nextTryAt } }: { readonly pool: Pool }) {
  if (failures === 0 && lastError === null) return null;
  const isBad = failures > 0;
  return (
    <div
      className={`flex items-start gap-2 rounded-md px-3 py-2 text-sm ${isBad ? "bg-bad-ground text-bad" : "bg-raised text-soft"}`}
    >
      <TriangleAlert aria-hidden size={16} className="mt-0.5 shrink-0" />
      <div className="min-w-0">
        <p>
          {isBad ? `${failures} ${failures === 1 ? "boot has" : "boots in a row have"} failed.` : "All is well again."}
          {nextTryAt !== null && (
            <>
              {" "}
              It tries again <Time at={nextTryAt} />.
            </>
          )}
        </p>
        {lastError !== null && (
          <p className="outside-text max-h-40 overflow-y-auto font-mono text-xs whitespace-pre-wrap">
            {lastError.message.slice(0, 4_000)} (<Time at={lastError.at} />)
          </p>
        )}
      </div>
    </div>
  );
}

function PoolFacts({ pool }: { readonly pool: Pool }) {
  const { provider, isolation, image, imageDigest, roles, labels, agents, min, max, warm, hours, egress } = pool;
  const limits = [
    pool.cpus === null ? null : `${pool.cpus} processors`,
    pool.memoryBytes === null ? null : `${bytes(pool.memoryBytes)} memory`,
    pool.diskBytes === null ? null : `${bytes(pool.diskBytes)} disk`,
    pool.pids === null ? null : `${number(pool.pids)} processes`,
    pool.timeoutMs === null ? null : `${duration(pool.timeoutMs)} for a job`,
  ].filter((each) => each !== null);
  return (
    <Facts>
      <Fact name="Size">
        at least {number(min)}, at most {number(max)}, {number(warm)} kept warm
      </Fact>
      <Fact name="Started as">
        {provider}, isolation {isolation}
      </Fact>
      <Fact name="Hours">{hours.length === 0 ? "always" : hours.join("; ")}</Fact>
      <Fact name="Roles">
        <Names names={roles} none="any" />
      </Fact>
      <Fact name="Labels">
        <Names names={labels} />
      </Fact>
      <Fact name="Agents">
        <Names names={agents ?? []} none={agents === null ? "not known before the first worker" : "none"} />
      </Fact>
      {provider === "docker" && (
        <Fact name="Image">
          <span className="font-mono text-[13px]">{image ?? "not known yet"}</span>
          {imageDigest !== null && (
            <span className="flex items-center gap-1 text-xs text-soft">
              <code title={imageDigest}>{imageDigest.slice(0, 19)}…</code>
              <CopyButton text={imageDigest} label="Copy the digest" />
            </span>
          )}
        </Fact>
      )}
      <Fact name="Limits of a worker">{limits.length === 0 ? "none" : limits.join(", ")}</Fact>
      <Fact name="May reach">
        <Names
          names={egress ?? []}
          none={
            egress === null ? (provider === "docker" ? "the server's list" : "whatever this machine can") : "nothing"
          }
        />
      </Fact>
      <Fact name="Its workers">
        <Link to="/workers" className="underline">
          See them all
        </Link>
      </Fact>
    </Facts>
  );
}
