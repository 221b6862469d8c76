/**
 * A type together with the settings of one source of it. What a type's own settings look like is known to that type
 * alone; everything else deals with sources of any type through this.
 */

import type { JobIssue } from "@hive/core";
import type { SecretPlace } from "../credentials/repo-rules.ts";
import type { FieldNames, HookRequest, Occurrence, Poller, PollTools, SourceType } from "./contract.ts";

/** The inbound side of a source. */
export interface ConfiguredHook {
  verify(request: HookRequest, secret: (place: SecretPlace) => string): void;
  deliveryId(request: HookRequest): string | null;
  readonly keptHeaders: readonly string[];
  read(request: HookRequest, tools: PollTools): readonly Occurrence[] | Promise<readonly Occurrence[]>;
}

/** The reading side of a source. */
export interface ConfiguredPolling {
  readonly everyMs: number;
  open(stored: { readonly cursor: unknown; readonly memories: ReadonlyMap<string, object> }): Poller;
}

export interface ConfiguredType {
  readonly name: string;
  readonly fields: FieldNames;
  readonly secrets: readonly SecretPlace[];
  /** What the operator wrote and may therefore be private. */
  readonly addresses: readonly string[];
  /** Whether its jobs may be for issues. */
  readonly hasIssues: boolean;
  issueOf(fields: Readonly<Record<string, string>>): JobIssue | null;
  /** Rounds that its follow-ups may cause on one job. */
  readonly rounds: number;
  /** Null: nobody can tell it anything. */
  readonly hook: ConfiguredHook | null;
  /** Null: it waits to be told. */
  readonly polling: ConfiguredPolling | null;
}

/** Something wrong with settings, by the path of the value. */
export interface SettingsProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** A type as the list of types holds it, whatever its own settings are. */
export interface AnySourceType {
  readonly name: string;
  configure(
    own: unknown,
  ):
    | { readonly ok: true; readonly type: ConfiguredType }
    | { readonly ok: false; readonly problems: readonly SettingsProblem[] };
}

/** How often a type polls that says nothing itself, in milliseconds. */
const USUAL_EVERY_MS = 60_000;

/** Makes a type ready for the list. */
export function anyType<Own>(type: SourceType<Own>): AnySourceType {
  return {
    name: type.name,
    configure(given) {
      const parsed = type.schema.safeParse(given);
      if (!parsed.success)
        return { ok: false, problems: parsed.error.issues.map(({ path, message }) => ({ path, message })) };
      const own = parsed.data;
      const { hook, open, mode, everyMs = USUAL_EVERY_MS } = type;
      const chosen = mode?.(own);
      return {
        ok: true,
        type: {
          name: type.name,
          fields: type.fields(own),
          secrets: type.secrets?.(own) ?? [],
          addresses: type.addresses?.(own) ?? [],
          hasIssues: type.issueOf !== undefined,
          issueOf: (fields) => type.issueOf?.(own, fields) ?? null,
          rounds: type.rounds?.(own) ?? 0,
          hook:
            hook === undefined || chosen === "polls"
              ? null
              : {
                  verify: (request, secret) => hook.verify(own, request, secret),
                  deliveryId: (request) => hook.deliveryId(request, own),
                  keptHeaders: hook.keptHeaders,
                  read: (request, tools) => hook.read(own, request, tools),
                },
          polling: open === undefined || chosen === "is told" ? null : { everyMs, open: (stored) => open(own, stored) },
        },
      };
    },
  };
}
