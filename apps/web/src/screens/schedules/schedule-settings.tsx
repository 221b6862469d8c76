import type { ScheduleView } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { Fact, Facts, number, repoName } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Snippet } from "../../ui/snippet.tsx";
import { Time } from "../../ui/time.tsx";
import { specOf } from "./schedule-spec.ts";

/** Links shown of jobs that are not over. */
const SHOWN = 10;

/** What a schedule is set to, and how it stands. */
export function ScheduleSettings({ schedule }: { readonly schedule: ScheduleView }) {
  const { timezone = "UTC", overlap = "skip", catchup, job } = specOf(schedule);
  const { open, buffered, runs, failures, changedAt, revision } = schedule;
  return (
    <Panel title="Settings">
      <Facts className="p-4 sm:grid-cols-2! lg:grid-cols-2!">
        <Fact name="Zone">{timezone}</Fact>
        <Fact name="Overlap">{overlap.replaceAll("_", " ")}</Fact>
        <Fact name="Makes up for">
          {catchup?.runs ?? "latest"}, at most {catchup?.window ?? "1h"} old
        </Fact>
        <Fact name="Jobs made">{number(runs)}</Fact>
        <Fact name="Failures in a row">{number(failures)}</Fact>
        <Fact name="Changed">
          <Time at={changedAt} /> (revision {revision})
        </Fact>
        {job?.repo !== undefined && <Fact name="Repository">{repoName(job.repo)}</Fact>}
        {job?.task !== undefined && <Fact name="Task">{job.task}</Fact>}
        <Fact name="Jobs not over">
          {open.length === 0 && "none"}
          {open.slice(0, SHOWN).map((jobId) => (
            <Link key={jobId} to="/jobs/$jobId" params={{ jobId }} className="block">
              {jobId}
            </Link>
          ))}
          {open.length > SHOWN && `and ${number(open.length - SHOWN)} more`}
        </Fact>
        <Fact name="Slots that wait">
          {buffered.length === 0 && "none"}
          {buffered.slice(0, SHOWN).map((slot) => (
            <Time key={slot} at={slot} className="block" />
          ))}
          {buffered.length > SHOWN && `and ${number(buffered.length - SHOWN)} more`}
        </Fact>
      </Facts>
      <details className="border-t border-line px-4 py-2.5">
        <summary className="text-sm text-soft">All of it, as JSON</summary>
        <div className="pt-2 pb-1.5">
          <Snippet label={`${schedule.id}.json`} text={JSON.stringify(schedule.spec, null, 2)} />
        </div>
      </details>
    </Panel>
  );
}
