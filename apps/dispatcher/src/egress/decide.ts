/**
 * May a lease reach a place? The supervisor's token reaches the job's git host (and the GitHub API that belongs to it)
 * and nothing else; the agent's reaches what its worker's pool allows, narrowed by the job's own list. Only names are
 * decided here; where a name leads is looked at when the connection is made.
 */

import { type EgressMatch, egressMatch, normalHost, type Place, showPlace } from "@hive/core";
import type { EgressRefusal } from "@hive/protocol";

/** What is known of the lease that asks. */
export interface Asking {
  readonly repo: string;
  /** The GitHub API of the job's repository, or null when it is on no GitHub. */
  readonly githubApi: string | null;
  /** The hosts its worker's jobs may reach. */
  readonly workerList: readonly string[];
  /** Where that list is written, for the message. */
  readonly workerListName: string;
  /** The job's own list, or null when it has none. */
  readonly jobList: readonly string[] | null;
  /** Words from outside are part of what the job was told: package registries, and of those no more than the lists allow. */
  readonly untrusted: boolean;
}

export type Decision =
  | ({
      readonly allowed: true;
      /**
       * True where only `*` of the operator's list lets the place in: it then has to be at a public address, whatever
       * private networks the server itself may reach. A job's own list opens nothing.
       */
      readonly publicOnly: boolean;
    } & EgressMatch)
  | { readonly allowed: false; readonly reason: EgressRefusal; readonly message: string };

/** What a token of this audience opens. */
export function decide(audience: "worker" | "egress", place: Place, asking: Asking): Decision {
  return audience === "worker" ? decideForSupervisor(place, asking) : decideForAgent(place, asking);
}

function decideForSupervisor(place: Place, { repo, githubApi }: Asking): Decision {
  const own = [repo, githubApi].map(placeOfUrl).filter((one) => one !== null);
  if (own.some(({ host, port }) => host === place.host && port === place.port)) {
    return { allowed: true, verifyName: true, publicOnly: false };
  }
  const hosts = own.map(showPlace).join(" and ") || "nothing, for its repository is no address of a host";
  return refuse("not_git_host", `The supervisor of this job reaches ${hosts}, and not ${showPlace(place)}`);
}

function decideForAgent(place: Place, { workerList, workerListName, jobList, untrusted }: Asking): Decision {
  const byWorker = egressMatch(workerList, place);
  if (byWorker === null) {
    const allowed = workerList.join(", ") || "nothing";
    return refuse(
      "not_allowed",
      `Jobs here may reach ${allowed}, and not ${showPlace(place)}. To allow it, add "${entryFor(place)}" to ${workerListName}`,
    );
  }
  if (untrusted && egressMatch(["registries"], place) === null) {
    return refuse(
      "untrusted",
      `A job from outside reaches package registries alone, and not ${showPlace(place)}. If only people you trust can write to its source, set trust: trusted there`,
    );
  }
  const publicOnly = !byWorker.verifyName;
  // A registry is all that is meant for a job from outside: another name behind its address stays closed.
  const verifyName = untrusted || byWorker.verifyName;
  if (jobList === null) return { allowed: true, publicOnly, verifyName };
  const byJob = egressMatch(jobList, place);
  if (byJob === null) {
    const allowed = jobList.join(", ") || "nothing";
    return refuse(
      "not_in_job",
      `The job's own egress list allows ${allowed}, and not ${showPlace(place)}. To allow it, send the job with "${entryFor(place)}" in egress`,
    );
  }
  // Either list may name the host itself: then another name behind the same address was meant to stay closed.
  return { allowed: true, publicOnly, verifyName: verifyName || byJob.verifyName };
}

/** Where a URL leads; null for one without a host. */
function placeOfUrl(text: string | null): Place | null {
  if (text === null || !/^https?:/i.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  const host = normalHost(url.hostname);
  const usual = url.protocol === "https:" ? 443 : 80;
  return host === null ? null : { host, port: url.port === "" ? usual : Number(url.port) };
}

/** The entry that would allow exactly this. */
function entryFor({ host, port }: Place): string {
  return port === 443 || port === 80 ? host : `${host}:${port}`;
}

function refuse(reason: EgressRefusal, message: string): Decision {
  return { allowed: false, reason, message };
}
