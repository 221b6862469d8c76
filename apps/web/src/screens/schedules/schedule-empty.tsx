import { Empty } from "../../ui/states.tsx";
import { Snippet } from "../../ui/snippet.tsx";

const YAML = `schedules:
  nightly-deps:
    cron: "30 2 * * 1-5"
    timezone: Europe/Berlin
    job:
      repo: https://github.com/acme/app
      task: agent
      instructions: Update what is safe to update, and run the tests.`;

/** What a schedule is, for who has none. */
export function NoSchedules() {
  return (
    <>
      <Empty title="No schedules yet" command="npm run hive -- schedules put nightly-deps -f nightly-deps.json">
        A schedule is a clock that makes jobs. Make one here, with the command below, or in hive.yaml.
      </Empty>
      <div className="flex justify-center px-4 pb-8">
        <Snippet label="hive.yaml" text={YAML} />
      </div>
    </>
  );
}
