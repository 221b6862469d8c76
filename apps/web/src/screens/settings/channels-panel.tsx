/** The channels of hive.yaml that people are told over while no page is open: how each stands, and a test of it. */
import type { ChannelTest, NotifyChannel } from "@hive/protocol";
import { Send } from "lucide-react";
import { useApi, useAction } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Command } from "../../ui/command.tsx";
import { Fact, Facts } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Snippet } from "../../ui/snippet.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { Tag } from "../../ui/tag.tsx";
import { duration, Time } from "../../ui/time.tsx";

/** What is told and what waits changes without an event. */
const EVERY_MS = 5_000;

const EXAMPLE = `notify:
  team:
    type: slack            # or email, discord, ntfy, webhook
    url: { env: SLACK_WEBHOOK_URL }
    on: [decision, failed, pull_request]
    timezone: ${Intl.DateTimeFormat().resolvedOptions().timeZone}
    quiet: { from: "22:00", to: "07:00", urgent: [decision] }
    digest: "08:30"
`;

const KINDS: Readonly<Record<NotifyChannel["on"][number], string>> = {
  decision: "decisions that wait",
  failed: "failed jobs",
  succeeded: "jobs that succeeded",
  pull_request: "pull requests",
  source: "sources in trouble",
  schedule: "paused schedules",
  pool: "pools in trouble",
  callback: "dead callbacks",
};

export function ChannelsPanel() {
  const { data, error, refetch } = useApi("listChannels", {}, { everyMs: EVERY_MS });
  return (
    <Panel title="Notification channels">
      <p className="max-w-prose px-4 pt-4 text-sm text-soft">
        Where you are told what needs you while no page is open: by e-mail, Slack, Discord, ntfy or a webhook. They
        stand in <code>hive.yaml</code>.
      </p>
      {data === undefined && error === null && <Loading rows={4} />}
      {error !== null && <Trouble error={error} onRetry={() => void refetch()} />}
      {data !== undefined && data.channels.length === 0 && <NoChannels />}
      {data !== undefined && data.channels.length > 0 && (
        <ul aria-label="Channels" className="mt-3 divide-y divide-line border-t border-line">
          {data.channels.map((channel) => (
            <Channel key={channel.name} channel={channel} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function NoChannels() {
  return (
    <div className="space-y-3 p-4 text-sm">
      <p>There is none yet. Put one into hive.yaml, its secret into a variable, and restart the server:</p>
      <Snippet label="hive.yaml" text={EXAMPLE} />
      <p>Then try it here, or in a terminal:</p>
      <Command text="hive notify test team" />
    </div>
  );
}

function Channel({ channel }: { readonly channel: NotifyChannel }) {
  const test = useAction("testChannel", { touches: ["listChannels"] });
  const { name, type, on, toldAt, waiting, lastError, nextAt, quiet, quietUntil, digest, timezone } = channel;
  return (
    <li className="space-y-3 p-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 className="flex flex-wrap items-center gap-2 text-sm font-medium">
          {name} <Tag>{type}</Tag> <State channel={channel} />
        </h3>
        <Button
          busy={test.isPending}
          onClick={() => test.mutate({ body: { channel: name } })}
          icon={<Send aria-hidden size={15} />}
          aria-label={`Send a test over ${name}`}
        >
          Send a test
        </Button>
      </div>
      <Facts>
        <Fact name="Is told of">{on.map((kind) => KINDS[kind]).join(", ")}</Fact>
        <Fact name="Told last">{toldAt === null ? "not since the server began" : <Time at={toldAt} />}</Fact>
        <Fact name="Waiting">
          {waiting === 0 ? "nothing" : waiting}
          {nextAt !== null && (
            <>
              , told <Time at={nextAt} />
            </>
          )}
        </Fact>
        {quiet !== null && (
          <Fact name="Quiet">
            {quiet.from} to {quiet.to} ({timezone})
            {quiet.urgent.length > 0 && `, but not for ${quiet.urgent.map((kind) => KINDS[kind]).join(", ")}`}
            {quietUntil !== null && (
              <>
                ; ends <Time at={quietUntil} />
              </>
            )}
          </Fact>
        )}
        {digest !== null && (
          <Fact name="Digest">
            every day at {digest} ({timezone})
          </Fact>
        )}
        {lastError !== null && (
          <Fact name="Last error">
            <span className="text-bad">{lastError.message}</span> (<Time at={lastError.at} />)
          </Fact>
        )}
      </Facts>
      <div role="status" className="text-sm">
        {test.isPending && "Sending…"}
        {test.data !== undefined && !test.isPending && <Outcome result={test.data} />}
      </div>
      {test.error !== null && <Trouble error={test.error} />}
    </li>
  );
}

function State({ channel: { lastError, quietUntil } }: { readonly channel: NotifyChannel }) {
  if (lastError !== null) return <Tag tone="bad">in trouble</Tag>;
  return quietUntil === null ? null : <Tag tone="info">quiet now</Tag>;
}

/** What the other side said: its words, so shown as text. */
function Outcome({ result: { ok, said, ms } }: { readonly result: ChannelTest }) {
  return (
    <p className={`rounded-md px-3 py-2 ${ok ? "bg-good-ground text-good" : "bg-bad-ground text-bad"}`}>
      {ok ? "Taken" : "Not taken"} after {duration(ms)}: <span className="outside-text">{said}</span>
    </p>
  );
}
