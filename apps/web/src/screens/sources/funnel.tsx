import type { SourceView } from "@hive/protocol";
import { number } from "../../ui/facts.tsx";

/** From what was received to the jobs that came of it, and what was left on the way. */
export function Funnel({ funnel, wide = false }: { readonly funnel: SourceView["funnel"]; readonly wide?: boolean }) {
  const { received, filtered, grouped, groups, jobs, held, overflow } = funnel;
  const steps: readonly (readonly [name: string, count: number, about: string])[] = [
    ["received", received, "occurrences that were read"],
    ["signals", grouped, "occurrences that count"],
    ["groups", groups, "different troubles"],
    ["jobs", jobs, "made of them"],
  ];
  const lost: readonly (readonly [name: string, count: number])[] = [
    ["left out by when", filtered],
    ["held back", held],
    ["without room", overflow],
  ];
  const most = Math.max(1, ...steps.map(([, count]) => count));
  return (
    <div className="min-w-0">
      <ol aria-label="From received to jobs" className={`grid grid-cols-4 ${wide ? "gap-3" : "gap-1.5"}`}>
        {steps.map(([name, count, about]) => (
          <li key={name} title={about} className="min-w-0">
            <span aria-hidden className="flex h-1.5 overflow-hidden rounded-full bg-raised">
              <span className="rounded-full bg-honey" style={{ width: `${(100 * share(count, most)).toFixed(1)}%` }} />
            </span>
            <span className={`tabular block font-semibold ${wide ? "text-lg" : "text-sm"}`}>{number(count)}</span>
            <span className="block truncate text-xs text-soft">{name}</span>
          </li>
        ))}
      </ol>
      {lost.some(([, count]) => count > 0) && (
        <p className="mt-1 text-xs text-soft">
          {lost
            .filter(([, count]) => count > 0)
            .map(([name, count]) => `${number(count)} ${name}`)
            .join(", ")}
        </p>
      )}
    </div>
  );
}

/** A million lines make three jobs: on a straight scale the jobs would not be seen. */
function share(count: number, most: number): number {
  return count === 0 ? 0 : Math.max(0.04, Math.log1p(count) / Math.log1p(most));
}
