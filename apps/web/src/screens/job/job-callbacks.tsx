import type { JobDetail } from "@hive/protocol";
import { RotateCw } from "lucide-react";
import type { ReplyTo } from "../../api/call.ts";
import { useAction, useApi } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { duration, exactTime, Time } from "../../ui/time.tsx";
import { tell, tellError } from "../../ui/toast.tsx";

type Callback = ReplyTo<"listCallbacks">["callbacks"][number];

const EVERY_MS = 3_000;

const STATES: Readonly<Record<Callback["state"], readonly [string, string]>> = {
  pending: ["on its way", "bg-info-ground text-info"],
  delivered: ["delivered", "bg-good-ground text-good"],
  dead: ["not delivered", "bg-bad-ground text-bad"],
};

/** What the job's backend was told, how each attempt at that went, and a way to tell it again. */
export function JobCallbacks({ job }: { readonly job: JobDetail }) {
  const { jobId } = job;
  // No event tells that one was delivered.
  const asked = useApi("listCallbacks", { query: { jobId, limit: 1_000 } }, { everyMs: EVERY_MS });
  return (
    <Panel
      title="Callbacks"
      actions={job.callbackUrl !== null && <span className="outside-text text-xs text-soft">to {job.callbackUrl}</span>}
    >
      {asked.isPending && <Loading />}
      {asked.error !== null && <Trouble error={asked.error} onRetry={() => void asked.refetch()} />}
      {asked.data !== undefined && asked.data.callbacks.length === 0 && (
        <Empty title="No backend was told of this job" command="HIVE_CALLBACK_URL=https://example.com/hive">
          A signed callback is sent with each change of a job that has a <code>callbackUrl</code>, or of every job where
          the server is started with such an address.
        </Empty>
      )}
      <ol aria-label="Callbacks" className="divide-y divide-line">
        {asked.data?.callbacks.map((callback) => (
          <Row key={callback.id} callback={callback} />
        ))}
      </ol>
    </Panel>
  );
}

function Row({ callback }: { readonly callback: Callback }) {
  const { id, type, state, createdAt, nextAt, tries, attempts } = callback;
  const [words, look] = STATES[state];
  const again = useAction("redeliverCallback", {
    touches: ["listCallbacks"],
    onDone: () => tell(`Callback ${id} is sent again`),
  });
  return (
    <li className="px-4 py-2.5 text-sm">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <code className="font-medium">{type}</code>
        <span className={`rounded-full px-2 py-0.5 text-xs font-medium ${look}`}>{words}</span>
        <Time at={createdAt} className="text-soft" />
        {state === "pending" && nextAt !== null && tries > 0 && (
          <span className="text-soft">
            next try <Time at={nextAt} />
          </span>
        )}
        <Button
          className="ml-auto"
          aria-label={`Send again: ${type}, number ${id}`}
          busy={again.isPending}
          icon={<RotateCw aria-hidden size={14} />}
          onClick={() => again.mutate({ params: { id } }, { onError: tellError })}
        >
          Send again
        </Button>
      </div>
      {attempts.length > 0 && (
        <ol aria-label={`Attempts at callback ${id}`} className="mt-1 space-y-0.5 text-xs text-soft">
          {attempts.map(({ at, ms, status, error }, place) => (
            <li key={`${place} ${at}`} className="outside-text">
              <span title={exactTime(at)} className="tabular">
                {exactTime(at)}
              </span>{" "}
              <strong className={status !== null && status < 300 ? "text-good" : "text-bad"}>
                {status ?? "no answer"}
              </strong>{" "}
              in {duration(ms)}
              {error !== null && `: ${error}`}
            </li>
          ))}
        </ol>
      )}
    </li>
  );
}
