import type { Digest } from "@hive/protocol";
import { type Look, markSeen, useLastLook } from "../../attention/last-look.ts";
import { useDigest } from "../../attention/use-attention.ts";
import { Button } from "../../ui/button.tsx";
import { number, repoName, usd } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { tell } from "../../ui/toast.tsx";
import { safeLink } from "../job/safe-link.ts";
import { spentSince } from "./spent-since.ts";
import { JobLink, StatusLink } from "./status-link.tsx";
import type { ReactNode } from "react";

const SHOWN = 3;

/** What happened since this browser was last looked at, counted by the server. */
export function SinceYouLeft() {
  const look = useLastLook();
  const digest = useDigest();
  const { data } = digest;

  function seen(): void {
    const undo = markSeen();
    tell("All seen. It begins anew from now.", { label: "Undo", onClick: undo });
  }

  return (
    <Panel
      className="overflow-hidden"
      title={
        look.isFirst ? (
          "In the last 24 hours"
        ) : (
          <>
            Since you left, <Time at={look.since} />
          </>
        )
      }
      actions={
        <Button look="quiet" onClick={seen}>
          All seen
        </Button>
      }
    >
      {digest.error !== null && <Trouble error={digest.error} onRetry={() => void digest.refetch()} />}
      {digest.isPending && <Loading rows={4} />}
      {data !== undefined && <Told digest={data} look={look} />}
    </Panel>
  );
}

function Told({ digest, look }: { readonly digest: Digest; readonly look: Look }) {
  const { ended, pullRequests, failures, decisions, whole, from } = digest;
  const more = whole ? "" : "+";
  const spent = spentSince(digest.days, look);
  return (
    <>
      <dl className="grid grid-cols-2 gap-px bg-line lg:grid-cols-4">
        <Tile name="Decisions waiting" count={number(decisions)} looks={decisions > 0 ? "text-warn" : ""}>
          {decisions > 0 ? <StatusLink status="held">Look at them</StatusLink> : "Nothing waits for you."}
        </Tile>
        <Tile name="Pull requests ready" count={`${number(pullRequests.count)}${more}`}>
          {pullRequests.count === 0 && succeeded(ended.succeeded, more)}
          <ul>
            {pullRequests.newest.slice(0, SHOWN).map(({ jobId, repo, number: n, url }) => (
              <li key={`${jobId} ${url}`} className="line-clamp-2">
                <PullRequestLink url={url} label={`${repoName(repo)}#${n}`} /> <JobLink jobId={jobId} />
              </li>
            ))}
          </ul>
          {pullRequests.count > SHOWN && (
            <StatusLink status="succeeded">{number(pullRequests.count - SHOWN)} more</StatusLink>
          )}
        </Tile>
        <Tile name="Failed" count={`${number(ended.failed)}${more}`} looks={ended.failed > 0 ? "text-bad" : ""}>
          {ended.failed === 0 && "No job failed."}
          <ul>
            {failures.slice(0, SHOWN).map(({ reason, count, jobId }) => (
              <li key={reason} className="line-clamp-2">
                {number(count)} × {reason.replaceAll("_", " ")}, such as <JobLink jobId={jobId} />
              </li>
            ))}
          </ul>
          {failures.length > SHOWN && <StatusLink status="failed">All that failed</StatusLink>}
        </Tile>
        <Tile name="Spent" count={spent.usd === null ? "nothing" : usd(spent.usd)}>
          {spent.about}
        </Tile>
      </dl>
      {!whole && (
        <p className="border-t border-line px-4 py-2 text-xs text-soft">
          More jobs ended than are counted here: these are the ones since <Time at={from} />.
        </p>
      )}
    </>
  );
}

function Tile({
  name,
  count,
  looks = "",
  children,
}: {
  readonly name: string;
  readonly count: string;
  readonly looks?: string;
  readonly children: ReactNode;
}) {
  return (
    <div className="min-w-0 bg-panel px-4 py-3 text-sm">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="min-w-0">
        <p className={`tabular text-2xl font-semibold ${looks}`}>{count}</p>
        <div className="text-soft">{children}</div>
      </dd>
    </div>
  );
}

/** What a worker said the address is: only a web address becomes a link. */
function PullRequestLink({ url, label }: { readonly url: string; readonly label: string }) {
  const address = safeLink(url);
  return address === null ? (
    <span className="outside-text">{label}</span>
  ) : (
    <a href={address} target="_blank" rel="noreferrer noopener" className="outside-text underline">
      {label}
    </a>
  );
}

function succeeded(count: number, more: string): string {
  if (count === 0) return "No job succeeded.";
  return count === 1 && more === "" ? "1 job succeeded." : `${number(count)}${more} jobs succeeded.`;
}
