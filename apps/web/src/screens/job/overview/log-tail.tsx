import type { JobDetail } from "@hive/protocol";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { open } from "../../../api/call.ts";
import { Panel } from "../../../ui/panel.tsx";

const TAIL_BYTES = 8_192;
const TAIL_LINES = 12;
/** What a line begins with where the next phase does. */
const PHASE = "##[phase] ";
const EVERY_MS = 1_500;

/** The last lines of the log of a running job; the log itself is one step away. */
export function LogTail({ job }: { readonly job: JobDetail }) {
  const { jobId, fence, status } = job;
  const tail = useQuery({
    queryKey: ["log tail", jobId, fence],
    queryFn: ({ signal }) => tailOf(jobId, fence, signal),
    enabled: fence > 0,
    refetchInterval: status === "running" ? EVERY_MS : false,
    staleTime: 0,
  });
  const lines = tail.data ?? [];
  return (
    <Panel
      title={status === "running" ? "Log, as it comes" : "End of the log"}
      actions={
        <Link to="/jobs/$jobId/log" params={{ jobId }} className="text-sm">
          The whole log
        </Link>
      }
    >
      {/* Not announced: who listens would hear nothing else. */}
      <div
        role="group"
        aria-label="Last lines of the log"
        tabIndex={0}
        className="outside-text min-h-24 px-4 py-3 font-mono text-[13px] whitespace-pre-wrap"
      >
        {lines.length === 0 && <span className="font-sans text-soft">Nothing yet.</span>}
        {lines.map((line, at) => (
          <div key={at} className={line.startsWith(PHASE) ? "font-sans text-xs text-soft" : ""}>
            {line.startsWith(PHASE) ? line.slice(PHASE.length) : line || "\n"}
          </div>
        ))}
      </div>
    </Panel>
  );
}

/** @throws ApiError, UnreachableError */
async function tailOf(jobId: string, fence: number, signal: AbortSignal): Promise<readonly string[]> {
  const call = { params: { jobId }, query: { fence } };
  const response = await open("jobLogs", call, { signal, headers: { range: `bytes=-${TAIL_BYTES}` } });
  const text = plain(await response.text());
  // A part most likely begins in the middle of a line: that one is left out.
  const isPart = !(response.headers.get("content-range") ?? "bytes 0-").startsWith("bytes 0-");
  const whole = (isPart ? text.slice(text.indexOf("\n") + 1) : text).trimEnd();
  return whole === "" ? [] : whole.split("\n").slice(-TAIL_LINES);
}

/** Without what steers a terminal; of a line that was drawn over, what was drawn last. */
export function plain(text: string): string {
  return text
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/g, "")
    .replaceAll("\r\n", "\n")
    .replace(/^.*\r(?=[^\n])/gm, "")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}
