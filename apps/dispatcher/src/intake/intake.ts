/**
 * What the intake process does: reads deliveries, polls, fills in templates. One question at a time comes in through
 * `answer`; what is wrong with outside text is an answer too and never the end of the process.
 */

import { SIGNALS_MAX } from "@hive/core";
import type { SecretPlace } from "../credentials/repo-rules.ts";
import { placeKey } from "../sources/source-secrets.ts";
import type { Occurrence, Poller, PollTools } from "../sources/contract.ts";
import { judge } from "../sources/make-signal.ts";
import type { SourceFetch } from "../sources/source-fetch.ts";
import type { Source } from "../sources/source-settings.ts";
import { TryLater } from "../sources/try-later.ts";
import { foldSignals } from "./fold-signals.ts";
import { compileInstructions, type Instructions } from "./instructions.ts";
import type { Answer, Ask, Explained, Found, Replies } from "./messages.ts";

/** Milliseconds a question may take before what it asks of others is given up. The dispatcher waits a little longer. */
export const GIVE_UP_MS = { read: 20_000, poll: 50_000 } as const;

export interface IntakeParts {
  readonly sources: readonly Source[];
  /** By `placeKey`. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What asks others for a source. */
  readonly fetchFor: (source: Source, signal: AbortSignal) => SourceFetch;
}

export interface Intake {
  /** Never rejects. */
  answer(ask: Ask): Promise<Answer>;
  close(): void;
}

type AskOf<K extends Ask["kind"]> = Extract<Ask, { readonly kind: K }>;

export function createIntake({ sources, secrets, fetchFor }: IntakeParts): Intake {
  const byId = new Map(sources.map((source) => [source.id, source]));
  const pollers = new Map<string, Poller>();
  const instructions = new Map<string, Instructions>();

  function mustFind(id: string): Source {
    const source = byId.get(id);
    if (source === undefined) throw new Error(`there is no source ${id}`);
    return source;
  }

  function toolsOf(source: Source, now: number, ms: number): PollTools {
    const signal = AbortSignal.timeout(ms);
    const secret = (place: SecretPlace): string => {
      const value = secrets[placeKey(place)];
      if (value === undefined) throw new Error(`the secret ${placeKey(place)} is not there`);
      return value;
    };
    return { now, fetch: fetchFor(source, signal), secret, signal };
  }

  async function occurrencesOf(ask: AskOf<"read"> | AskOf<"explain">): Promise<readonly Occurrence[]> {
    const source = mustFind(ask.source);
    if (source.type.hook === null) throw new Error(`${source.id} does not take deliveries any more`);
    const { headers, receivedAt, now } = ask;
    const request = { headers, receivedAt, body: Buffer.from(ask.body, "base64") };
    return source.type.hook.read(request, toolsOf(source, now, GIVE_UP_MS.read));
  }

  async function read(ask: AskOf<"read">): Promise<Found> {
    return found(await occurrencesOf(ask), mustFind(ask.source), ask.now);
  }

  async function explain(ask: AskOf<"explain">): Promise<Replies["explain"]> {
    const source = mustFind(ask.source);
    const occurrences = await occurrencesOf(ask);
    return { occurrences: occurrences.slice(0, SIGNALS_MAX).map((one) => explainOne(one, source, ask.now)) };
  }

  async function poll(ask: AskOf<"poll">): Promise<Replies["poll"]> {
    const source = mustFind(ask.source);
    const { polling } = source.type;
    if (polling === null) throw new Error(`${source.id} does not poll`);
    let poller = pollers.get(source.id);
    if (ask.stored !== null) {
      poller?.close();
      poller = polling.open({ cursor: ask.stored.cursor, memories: new Map(ask.stored.memories) });
      pollers.set(source.id, poller);
    }
    if (poller === undefined) throw new Unopened();
    try {
      const polled = await poller.poll(toolsOf(source, ask.now, GIVE_UP_MS.poll));
      const { occurrences, memories, ...more } = polled;
      return {
        ...found(occurrences, source, ask.now),
        ...more,
        memories: memories as Replies["poll"]["memories"],
      };
    } catch (error) {
      // What it has read and not told is in it: the next one begins at what is stored.
      drop(source.id);
      throw error;
    }
  }

  function drop(id: string): void {
    pollers.get(id)?.close();
    pollers.delete(id);
  }

  function polled({ source, durable }: AskOf<"polled">): object {
    if (durable) pollers.get(source)?.committed();
    else drop(source);
    return {};
  }

  function render({ source: id, subject }: AskOf<"render">): Replies["render"] {
    const source = mustFind(id);
    let compiled = instructions.get(id);
    if (compiled === undefined) instructions.set(id, (compiled = compileInstructions(source.job.template)));
    return { instructions: compiled(id, subject) };
  }

  async function carryOut(ask: Ask): Promise<object> {
    switch (ask.kind) {
      case "read":
        return read(ask);
      case "explain":
        return explain(ask);
      case "poll":
        return poll(ask);
      case "polled":
        return polled(ask);
      case "render":
        return render(ask);
    }
  }

  return {
    async answer(ask) {
      try {
        return { id: ask.id, ok: true, value: await carryOut(ask) };
      } catch (error) {
        const code = error instanceof Unopened ? "unopened" : error instanceof TryLater ? "later" : "failed";
        const message = error instanceof Error ? error.message : String(error);
        return { id: ask.id, ok: false, code, message: message.slice(0, 1_024) };
      }
    },
    close() {
      for (const id of [...pollers.keys()]) drop(id);
    },
  };
}

/** There is no poller: the process is new, or the last one was thrown away. */
class Unopened extends Error {}

/**
 * `when` says what becomes a signal; work of Hive's own goes on whatever it says, and what it left out at the end ends what
 * it let in at the beginning: a label, or a value, may be another one by then.
 * @throws when these are more groups than one commit takes
 */
function found(occurrences: readonly Occurrence[], source: Source, now: number): Found {
  const told = occurrences.filter(({ followUp }) => followUp === undefined).map((one) => judge(one, source, now));
  const counting = told.flatMap(({ signal }) => (signal === null ? [] : [signal]));
  const signals = foldSignals(counting, source.policy);
  if (signals.length > SIGNALS_MAX)
    throw new Error(`It holds ${signals.length} different signals; at most ${SIGNALS_MAX} are taken at once`);
  const ends = foldSignals(
    told.flatMap(({ ending }) => (ending?.episode == null ? [] : [ending])),
    source.policy,
  ).slice(0, SIGNALS_MAX - signals.length);
  const left = told.reduce((sum, { why, occurrence }) => (why === null ? sum : sum + Math.max(1, occurrence.count)), 0);
  return {
    signals,
    endings: ends,
    followUps: occurrences.flatMap(({ followUp }) => (followUp === undefined ? [] : [followUp])),
    filtered: left - ends.reduce((sum, { count }) => sum + count, 0),
  };
}

function explainOne(occurrence: Occurrence, source: Source, now: number): Explained {
  // Shown as it would be stored, also where it is left out.
  const { signal: shown } = judge(occurrence, { ...source, when: null }, now);
  if (shown === null) throw new Error("an occurrence without a condition is always a signal");
  const { why: refusal, ending, identity } = judge(occurrence, source, now);
  const left = ending?.episode == null || refusal === null ? refusal : `${refusal}; it only ends what was counted`;
  const why = occurrence.followUp === undefined ? left : null;
  return {
    title: shown.title,
    state: shown.state,
    severity: shown.severity,
    filtered: why,
    identity: [...identity],
    fields: { ...shown.sample.fields },
    followUp: occurrence.followUp ?? null,
    signal: why === null && occurrence.followUp === undefined ? shown : null,
  };
}
