import { useEffect } from "react";
import { useApi } from "../../api/use-api.ts";
import { useKeys } from "../../shell/keys.ts";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { PoolCard } from "./pool-card.tsx";

/** What the fleet is about to do makes no event. */
const LOOK_MS = 5_000;

export function PoolsScreen() {
  const { data, error, isPending, refetch } = useApi("listPools", {}, { everyMs: LOOK_MS });
  const pools = data?.pools ?? [];
  const isThere = data !== undefined;

  // A link to one pool comes before the pools do.
  useEffect(() => {
    const wanted = decodeURIComponent(globalThis.location.hash.slice(1));
    if (isThere && wanted !== "") document.getElementById(wanted)?.focus();
  }, [isThere]);

  useKeys([
    { keys: "j", about: "Next pool", run: () => focusPool(1) },
    { keys: "k", about: "Pool before", run: () => focusPool(-1) },
  ]);

  return (
    <>
      <ScreenHead title="Pools" about="The kinds of workers this server starts, how many there are and should be." />
      {error !== null && <Trouble error={error} onRetry={() => void refetch()} />}
      {isPending && (
        <Panel>
          <Loading rows={6} />
        </Panel>
      )}
      {isThere && pools.length === 0 && (
        <Panel>
          <Empty title="This server starts no workers itself" command="HIVE_WORKERS=4 npm start">
            HIVE_WORKERS is 0. Workers that somebody else starts are under Workers; they belong to no pool.
          </Empty>
        </Panel>
      )}
      <div className="space-y-4">
        {pools.map((pool) => (
          <PoolCard key={pool.name} pool={pool} />
        ))}
      </div>
      {pools.length > 0 && (
        <p className="mt-4 text-sm text-soft">
          There are as many workers as jobs that could run, those that run, and warm ones, within the bounds of the
          pool.
        </p>
      )}
    </>
  );
}

function focusPool(step: 1 | -1): void {
  const cards = [...document.querySelectorAll<HTMLElement>("[data-pool]")];
  const now = cards.findIndex((card) => card.contains(document.activeElement));
  const next = now < 0 ? 0 : Math.min(cards.length - 1, Math.max(0, now + step));
  cards[next]?.focus();
}
