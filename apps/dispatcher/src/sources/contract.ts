/**
 * What every type of source is. A type knows how to understand what one kind of system says, and nothing else: what is
 * counted, grouped, limited and made a job of is the same for all. Its `read` and `poll` run in the intake process, which
 * has no secret of Hive, no store and no queue; `verify` runs in the dispatcher, over the raw bytes.
 */

import type { JobIssue, Severity } from "@hive/core";
import type { z } from "zod";
import type { SecretPlace } from "../credentials/repo-rules.ts";
import type { SourceFetch } from "./source-fetch.ts";

/** One thing that a source says happened. Texts are as they came; `makeSignal` cuts and cleans them. */
export interface Occurrence {
  /** What makes two of them the same trouble where hive.yaml names no `group.by`. */
  readonly identity: readonly string[];
  readonly title: string;
  /** What people and agents read. */
  readonly text: string;
  readonly state: "firing" | "resolved" | "event";
  /** See `Signal.episode`. */
  readonly episode: string | null;
  /** Null: the source does not say; then it is what hive.yaml says, else `error`. */
  readonly severity: Severity | null;
  /** Wall milliseconds; null: the sender does not say. */
  readonly at: number | null;
  readonly count: number;
  readonly note: boolean;
  readonly link: string | null;
  /** By flat name, such as `labels.severity`: for `when`, `group.by`, `repoFrom` and templates. */
  readonly fields: Readonly<Record<string, string>>;
  /** It is about work of Hive's own: it becomes no signal, but another round of the job that did the work. */
  readonly followUp?: FollowUp;
}

/** Something to be done again about a branch that a job of Hive's pushed. */
export interface FollowUp {
  /** `host/owner/name`. */
  readonly place: string;
  readonly branch: string;
  /** What it is about, such as `checks of <commit>`: of the same cause there is one round, however often it is said. */
  readonly cause: string;
}

/** An inbound request, as it was received. Header names in lower case. */
export interface HookRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly receivedAt: number;
}

/** For types that are told by others. */
export interface Hook<Own> {
  /**
   * Is this from whom it says? `secret` gives the value of one of `SourceType.secrets`.
   * @throws HiveError unauthorized, naming what is missing or wrong and never a secret
   */
  verify(own: Own, request: HookRequest, secret: (place: SecretPlace) => string): void;
  /** The sender's own id of this delivery, 1 to 128 characters; null: it has none, and the hash of the body is its id. */
  deliveryId(request: HookRequest, own: Own): string | null;
  /** The headers that `read` needs; no others are kept. */
  readonly keptHeaders: readonly string[];
  /**
   * What was sent may need a question to the sender (may this person give orders?): hence the tools.
   * @throws TryLater when the sender cannot be asked now; an error for people when the body is nothing this type understands
   */
  read(own: Own, request: HookRequest, tools: PollTools): readonly Occurrence[] | Promise<readonly Occurrence[]>;
}

/** What a poll may use. All outward calls go through the guard. */
export interface PollTools {
  readonly now: number;
  /** See `createSourceFetch`. */
  readonly fetch: SourceFetch;
  /** The value of one of `SourceType.secrets`. */
  readonly secret: (place: SecretPlace) => string;
  readonly signal: AbortSignal;
}

/** What a poll found. Nothing of it counts until it is committed together with `cursor`; then the next poll begins there. */
export interface Polled {
  readonly occurrences: readonly Occurrence[];
  /** Null: as it was. */
  readonly cursor: unknown;
  /** Changes of what the source remembers, by id; null forgets one. */
  readonly memories: Readonly<Record<string, object | null>>;
  /** True: there is more at once (a long file); false: after `every`. */
  readonly more: boolean;
  /** The earliest next poll, when the peer asked for a pause (`Retry-After`, a rate limit). */
  readonly afterMs?: number;
  /** What is not as it should be although this poll worked, for people; shown as the source's health. */
  readonly notice?: string;
}

/** One source that reads by itself. Made anew, from what is stored, after each crash and each change of settings. */
export interface Poller {
  /** At most `SIGNALS_MAX` different groups at once. @throws an error for people; it is shown as the source's health. */
  poll(tools: PollTools): Promise<Polled>;
  /** What `poll` gave is durable, or was refused: then this poller is thrown away. */
  committed(): void;
  close(): void;
}

/**
 * The fields its occurrences may have, so that a `when` with a misspelt one is found at the start: `texts` by their whole
 * name (`level`), `maps` by what stands before the dot (`labels` for `labels.severity`).
 */
export interface FieldNames {
  readonly texts: readonly string[];
  readonly maps: readonly string[];
}

/** A type of source, under the name hive.yaml uses. */
export interface SourceType<Own> {
  readonly name: string;
  /** Its own settings, beside those all sources have (`source-settings.ts`). A strict object. */
  readonly schema: z.ZodType<Own>;
  readonly fields: (own: Own) => FieldNames;
  /** Where the secrets are that its settings name; each must be there at the start. Absent: it has none. */
  readonly secrets?: (own: Own) => readonly SecretPlace[];
  readonly hook?: Hook<Own>;
  /** The issue that a job about these fields is for; null: none. They are outside text, so it checks what it takes. */
  readonly issueOf?: (own: Own, fields: Readonly<Record<string, string>>) => JobIssue | null;
  /** Rounds that its follow-ups may cause on one job. Absent: it has no follow-ups. */
  readonly rounds?: (own: Own) => number;
  /** How often it polls when hive.yaml does not say, in milliseconds. Only for types with `open`. */
  readonly everyMs?: number;
  /** For a type with both: whether it polls with these settings, or is told. Default: whatever it has. */
  readonly mode?: (own: Own) => "polls" | "is told";
  /** The addresses that the operator wrote in its settings: `fetch` takes their origins although they may be private. */
  readonly addresses?: (own: Own) => readonly string[];
  readonly open?: (
    own: Own,
    stored: { readonly cursor: unknown; readonly memories: ReadonlyMap<string, object> },
  ) => Poller;
}
