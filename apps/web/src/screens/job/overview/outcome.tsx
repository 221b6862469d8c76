import type { JobDetail } from "@hive/protocol";
import { CircleCheck, CircleX } from "lucide-react";
import { CopyButton } from "../../../ui/command.tsx";
import { Fact, Facts, number } from "../../../ui/facts.tsx";
import { LongText } from "../../../ui/long-text.tsx";
import { Panel } from "../../../ui/panel.tsx";

type Result = NonNullable<JobDetail["result"]>;

/** What came of the job: its own words, the verdict, the tests, what was pushed. */
export function Outcome({ job: { result } }: { readonly job: JobDetail }) {
  if (result === null) return null;
  const { summary, verdict, verify, noChanges, diffStat, branch, commit, baseCommit, exitCode, salvage, outputs } =
    result;
  return (
    <Panel title="Result">
      <div className="space-y-4 p-4">
        {summary !== null && <LongText name="Summary" text={summary} />}
        {verdict !== null && (
          <p className="text-sm">
            <span className="text-soft">Verdict </span>
            <strong className="outside-text">{verdict}</strong>
          </p>
        )}
        {verify != null && <Tests verify={verify} />}
        <Facts>
          {(noChanges || diffStat !== null) && (
            <Fact name="Changes">
              {diffStat === null || noChanges
                ? "none"
                : `${number(diffStat.files)} ${diffStat.files === 1 ? "file" : "files"}, +${number(diffStat.insertions)} −${number(diffStat.deletions)}`}
            </Fact>
          )}
          {branch !== null && <Fact name="Pushed to">{branch}</Fact>}
          {commit !== null && (
            <Fact name="Commit">
              <Hash value={commit} label="Copy the commit" />
            </Fact>
          )}
          {baseCommit !== null && (
            <Fact name="Made from">
              <Hash value={baseCommit} label="Copy the base commit" />
            </Fact>
          )}
          {exitCode !== null && <Fact name="Exit code">{exitCode}</Fact>}
          {result.agent !== null && <Fact name="Agent">{agentText(result.agent)}</Fact>}
          {salvage !== null && <Fact name="Salvaged">{salvage}</Fact>}
        </Facts>
        {outputs !== null && Object.keys(outputs).length > 0 && (
          <section aria-label="Outputs">
            <h3 className="mb-1 text-xs text-soft">Outputs</h3>
            <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
              {Object.entries(outputs).map(([name, value]) => (
                <div key={name} className="contents">
                  <dt className="outside-text font-mono text-[13px]">{name}</dt>
                  <dd className="outside-text min-w-0">{value.length > 2_000 ? `${value.slice(0, 2_000)}…` : value}</dd>
                </div>
              ))}
            </dl>
          </section>
        )}
      </div>
    </Panel>
  );
}

function agentText({ name, version, model }: NonNullable<Result["agent"]>): string {
  return [name, version, model].filter((part) => part !== null).join(" · ");
}

/** A long hash, short to look at and whole to copy. */
export function Hash({ value, label }: { readonly value: string; readonly label: string }) {
  return (
    <span className="inline-flex items-center gap-1">
      <code title={value} className="font-mono text-[13px]">
        {value.slice(0, 12)}
      </code>
      <CopyButton text={value} label={label} />
    </span>
  );
}

const TESTS: Readonly<Record<NonNullable<Result["verify"]>["state"], string>> = {
  passed: "The repository's tests are green",
  failed: "The repository's tests are red",
  none: "The repository names no test",
  unchanged: "Nothing changed, so nothing was tested",
  off: "Tests were not wanted",
};

function Tests({ verify }: { readonly verify: NonNullable<Result["verify"]> }) {
  const { state, rounds, command, report } = verify;
  const Icon = state === "failed" ? CircleX : CircleCheck;
  const look = state === "failed" ? "text-bad" : state === "passed" ? "text-good" : "text-soft";
  return (
    <div className="text-sm">
      <p className={`flex items-center gap-1.5 ${look}`}>
        <Icon aria-hidden size={16} />
        {TESTS[state]}
        {rounds > 0 && `, after ${rounds === 1 ? "one round" : `${rounds} rounds`} back with the agent`}
      </p>
      {command !== null && <code className="outside-text mt-0.5 block font-mono text-[13px] text-soft">{command}</code>}
      {report !== null && report !== "" && (
        <details open={state === "failed"} className="mt-1">
          <summary className="text-soft">What they said</summary>
          <div className="mt-1 rounded-md bg-raised p-3">
            <LongText name="Test report" text={report} mono />
          </div>
        </details>
      )}
    </div>
  );
}
