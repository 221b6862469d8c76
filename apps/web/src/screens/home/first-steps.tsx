import { Link } from "@tanstack/react-router";
import { Command } from "../../ui/command.tsx";
import { Panel } from "../../ui/panel.tsx";

/** No job was ever put in: what to paste to see one. */
export function FirstSteps() {
  return (
    <Panel title="Give the bees something to do">
      <div className="space-y-4 p-4 text-sm">
        <Step n={1} title="Here, in a form">
          <p className="text-soft">
            <Link to="/new" className="underline">
              New job
            </Link>{" "}
            asks for a repository and what is to be done, and shows the same as JSON and as a command.
          </p>
        </Step>
        <Step n={2} title="In a terminal on the server">
          <Command
            text={'npm run hive -- submit --repo https://github.com/you/app "Add a quick start to the README"'}
          />
        </Step>
        <Step n={3} title="From anywhere, over HTTP">
          <p className="text-soft">
            The token stands in <code>hive-data/secrets.env</code>: <code>source hive-data/secrets.env</code>
          </p>
          <Command text={curl(location.origin)} />
        </Step>
        <p className="text-soft">
          What was put in appears here at once. The same <code>jobId</code> again gives the same job, not a second one.
        </p>
      </div>
    </Panel>
  );
}

function Step({
  n,
  title,
  children,
}: {
  readonly n: number;
  readonly title: string;
  readonly children: React.ReactNode;
}) {
  return (
    <section>
      <h3 className="mb-1 font-medium">
        <span
          aria-hidden
          className="mr-2 inline-block size-5 rounded-full bg-honey text-center text-xs/5 text-honey-ink"
        >
          {n}
        </span>
        {title}
      </h3>
      {children}
    </section>
  );
}

function curl(origin: string): string {
  return [
    `curl -X POST ${origin}/enqueue \\`,
    `  -H "Authorization: Bearer $INTERNAL_API_TOKEN" -H "Content-Type: application/json" \\`,
    `  -d '{"jobId":"demo-1","repo":"https://github.com/you/app","branch":"ci/demo","base":"main",`,
    `       "task":"agent","instructions":"Add README quickstart","githubToken":"ghp_…"}'`,
  ].join("\n");
}
