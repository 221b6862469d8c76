import { useApi } from "../../api/use-api.ts";
import { splitHeld } from "../../attention/waits-for-person.ts";
import { number } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { Decision } from "./decision.tsx";
import { JobLink, StatusLink } from "./status-link.tsx";

const READ = 100;
const SHOWN = 5;
/** Why the oldest job waits may change without an event of its own. */
const WHY_MS = 15_000;

/** What waits for a person, the oldest first; then what waits longest for anything else. */
export function NeedsYou() {
  const held = useApi("listJobs", { query: { status: "held", order: "oldest", limit: READ } }, { keep: true });
  const { decisions, settings } = splitHeld(held.data?.jobs ?? []);
  const more = held.data?.next == null ? "" : "+";
  return (
    <Panel
      title={
        <>
          Needs you{" "}
          <span className="tabular ml-1 rounded-full bg-raised px-2 py-0.5 text-xs">
            {number(decisions.length)}
            {more}
          </span>
        </>
      }
    >
      {held.error !== null && <Trouble error={held.error} onRetry={() => void held.refetch()} />}
      {held.isPending && <Loading rows={2} />}
      {held.data !== undefined && decisions.length === 0 && (
        <p className="px-4 py-3 text-sm text-soft">No decision waits for you.</p>
      )}
      <ul className="divide-y divide-line">
        {decisions.slice(0, SHOWN).map((job) => (
          <Decision key={job.jobId} job={job} />
        ))}
      </ul>
      {(decisions.length > SHOWN || more !== "") && (
        <p className="border-t border-line px-4 py-2 text-sm">
          <StatusLink status="held">All that are held</StatusLink>
        </p>
      )}
      {settings[0] !== undefined && <Setting jobId={settings[0].jobId} count={settings.length} more={more} />}
      <Oldest />
    </Panel>
  );
}

/** Held jobs that no person can let go: a setting of the server is missing. */
function Setting({ jobId, count, more }: { readonly jobId: string; readonly count: number; readonly more: string }) {
  const { data } = useApi("getJob", { params: { jobId } });
  return (
    <div className="border-t border-line bg-warn-ground px-4 py-2.5 text-sm text-warn">
      <p className="font-medium">
        {number(count)}
        {more} {count === 1 ? "job waits" : "jobs wait"} for a setting of this server, such as{" "}
        <JobLink jobId={jobId} className="text-warn!" />
      </p>
      {data?.waiting != null && <p className="outside-text">{data.waiting}</p>}
    </div>
  );
}

/** The queued job that was put in first, and why nobody has it. */
function Oldest() {
  const queued = useApi("listJobs", { query: { status: "queued", order: "oldest", limit: 1 } }, { keep: true });
  const [job] = queued.data?.jobs ?? [];
  const jobId = job?.jobId ?? "";
  const detail = useApi("getJob", { params: { jobId } }, { enabled: job !== undefined, everyMs: WHY_MS });
  if (job === undefined) return null;
  return (
    <div className="border-t border-line px-4 py-2.5 text-sm">
      <p>
        <span className="text-soft">Oldest in the queue:</span> <JobLink jobId={jobId} />{" "}
        <span className="text-soft">
          put in <Time at={job.createdAt} />
        </span>
      </p>
      {detail.data?.waiting != null && <p className="outside-text text-soft">{detail.data.waiting}</p>}
    </div>
  );
}
