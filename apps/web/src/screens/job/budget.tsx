import type { JobDetail } from "@hive/protocol";
import { number, usd } from "../../ui/facts.tsx";

interface Limit {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  readonly text: (value: number) => string;
}

/** What the job cost, and how much of each of its limits that is. */
export function Budget({ job: { budget, usage } }: { readonly job: JobDetail }) {
  const limits = budget === null ? [] : limitsOf(budget);
  return (
    <div className="space-y-3 p-4 text-sm">
      {usage === null ? (
        <p className="text-soft">No model was called.</p>
      ) : (
        <p>
          <span className="text-base font-semibold">
            {usage.costUsd === null ? "Price unknown" : usd(usage.costUsd)}
          </span>{" "}
          <span className="text-soft">
            for {number(usage.calls)} {usage.calls === 1 ? "call" : "calls"}: {number(usage.inputTokens)} tokens in,{" "}
            {number(usage.outputTokens)} out
            {usage.cacheReadTokens > 0 && `, ${number(usage.cacheReadTokens)} from the cache`}
            {(usage.unpricedCalls ?? 0) > 0 && `; ${number(usage.unpricedCalls ?? 0)} calls without a known price`}
            {(usage.uncertainCalls ?? 0) > 0 && `; ${number(usage.uncertainCalls ?? 0)} calls counted at their worst`}
          </span>
        </p>
      )}
      {limits.map((limit) => (
        <LimitBar key={limit.name} {...limit} />
      ))}
    </div>
  );
}

/** The same in one line of the header: the dollars, with a bar where they have a limit. */
export function Cost({ job: { budget, usage, task } }: { readonly job: JobDetail }) {
  const spent = budget?.spent.usd ?? usage?.costUsd ?? null;
  const limit = budget?.limit.usd ?? null;
  if (usage === null && task !== "agent" && task !== "analyze") return null;
  return (
    <li className="inline-flex items-center gap-2">
      <span className="tabular">
        {spent === null ? "cost not known" : usd(spent)}
        {limit !== null && ` of ${usd(limit)}`}
      </span>
      {spent !== null && limit !== null && (
        <Meter name="Part of the budget that is used" used={spent} limit={limit} text={usd} className="w-20" />
      )}
    </li>
  );
}

function limitsOf({ limit, spent }: NonNullable<JobDetail["budget"]>): readonly Limit[] {
  const all: readonly (Omit<Limit, "limit"> & { readonly limit: number | null })[] = [
    { name: "Money", used: spent.usd, limit: limit.usd, text: usd },
    { name: "Tokens", used: spent.tokens, limit: limit.tokens, text: number },
    { name: "Minutes", used: Math.round(spent.minutes * 10) / 10, limit: limit.minutes, text: number },
    { name: "Model calls", used: spent.turns, limit: limit.turns, text: number },
  ];
  return all.flatMap((each) => (each.limit === null ? [] : [{ ...each, limit: each.limit }]));
}

function LimitBar({ name, used, limit, text }: Limit) {
  return (
    <div>
      <p className="flex justify-between gap-3">
        <span className="text-soft">{name}</span>
        <span className="tabular">
          {text(used)} of {text(limit)}
        </span>
      </p>
      <Meter name={`${name} used`} used={used} limit={limit} text={text} className="mt-1" />
    </div>
  );
}

function Meter({ name, used, limit, text, className }: Limit & { readonly className: string }) {
  const share = limit === 0 ? (used > 0 ? 1 : 0) : Math.min(1, used / limit);
  const colour = share >= 1 ? "bg-bad" : share >= 0.8 ? "bg-warn" : "bg-honey";
  return (
    <div
      role="meter"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={limit}
      aria-valuenow={Math.min(used, limit)}
      aria-valuetext={`${text(used)} of ${text(limit)}`}
      className={`h-1.5 overflow-hidden rounded-full border border-line bg-raised ${className}`}
    >
      <div className={`h-full rounded-full ${colour}`} style={{ width: `${share * 100}%` }} />
    </div>
  );
}
