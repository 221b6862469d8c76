import type { Pool } from "@hive/protocol";

/** More cells than these would be too small to count: a bar then. */
const MOST_CELLS = 40;

const KINDS = [
  ["busy", "at work", "bg-honey border-honey"],
  ["idle", "free", "bg-good border-good"],
  ["starting", "starting", "bg-info-ground border-info"],
  ["draining", "leaving", "bg-warn-ground border-warn"],
] as const;

/** How many workers there are of how many there may be; a mark stands where there should be as many. */
export function PoolGauge({ pool: { workers, desired, max } }: { readonly pool: Pool }) {
  const here = KINDS.reduce((sum, [kind]) => sum + workers[kind], 0);
  const places = Math.max(max, here, desired, 1);
  const words = KINDS.filter(([kind]) => workers[kind] > 0).map(([kind, word]) => `${workers[kind]} ${word}`);
  return (
    <div>
      <p className="tabular text-sm">
        <strong className="font-semibold">{here}</strong> {here === 1 ? "worker" : "workers"}
        {words.length > 0 && ` (${words.join(", ")})`}, <strong className="font-semibold">{desired}</strong> wanted, at
        most {max}
      </p>
      <div
        role="img"
        aria-label={`${here} of at most ${max} workers, ${desired} wanted`}
        className={`mt-1.5 flex max-w-xl ${places <= MOST_CELLS ? "flex-wrap gap-1" : "h-4 overflow-hidden rounded border border-line"}`}
      >
        {places <= MOST_CELLS
          ? cellsOf(workers, places).map(([key, look], place) => (
              <span key={key} className={`h-4 w-3 rounded-sm border ${look} ${place < desired ? "" : "opacity-60"}`} />
            ))
          : KINDS.map(([kind, , look]) => (
              <span key={kind} className={look} style={{ width: `${(100 * workers[kind]) / places}%` }} />
            ))}
      </div>
    </div>
  );
}

/** One per place: those that are taken first, then those that are wanted, then the rest. */
function cellsOf(workers: Pool["workers"], places: number): readonly (readonly [key: string, look: string])[] {
  const taken = KINDS.flatMap(([kind, , look]) => Array.from({ length: workers[kind] }, () => look));
  return Array.from({ length: places }, (_, place) => [`place ${place}`, taken[place] ?? "border-line bg-raised"]);
}
