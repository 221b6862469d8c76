/**
 * The conversation of one attempt with its agent: the work, then a turn for whatever the agent has to hear of. It reads
 * as it happens: a turn; was it stuck, once more with a note of that; did it fail, then so did the task; do the
 * repository's tests judge it red, back with the report; does it still fit the base branch, else back with the conflict.
 * Only turns that ended well are judged, and nothing of the agent lives while its work is.
 */
import type { AttemptError, VerifyResult } from "@hive/core";
import type { AgentSettings } from "@hive/protocol";
import { type AgentAdapter, type AgentInput, RESUME_REJECTED, type ResumedSession } from "../agents/contract.ts";
import { killAgent } from "../clean-up.ts";
import { askedNow } from "../tasks/prompt-history.ts";
import type { TaskContext } from "../tasks/task-context.ts";
import type { Turn, TurnReason } from "./contract.ts";
import { conflictMessage, redMessage, stuckMessage } from "./messages.ts";
import { runTurn } from "./turn.ts";
import { type Verified, verify } from "./verify.ts";
import { treeOf } from "./working-tree.ts";

/** What a conversation needs. */
export interface ConversationOptions {
  readonly context: TaskContext;
  readonly adapter: AgentAdapter;
  /** All the agent is told when it is asked for the work. `resumed`: its session knows what it was told before. */
  readonly opening: (resumed: boolean) => string;
}

/** How a conversation ended. */
export interface Conversed {
  /** Null: the agent's own end was good. Red tests are no error: such work is published, as what it is. */
  readonly error: AttemptError | null;
  /** The last turn that was run. */
  readonly turn: Turn;
  /** Null: an end that nothing judged. */
  readonly verify: VerifyResult | null;
}

/** Speaks with the agent until its work is done. Rejects when the attempt is stopped. @throws AgentUnavailableError */
export async function converse(options: ConversationOptions): Promise<Conversed> {
  return new Conversation(options).run();
}

class Conversation {
  readonly #options: ConversationOptions;
  readonly #context: TaskContext;
  #session: ResumedSession | null = null;
  #files: string | null = null;
  #turns = 0;
  #rounds = 0;
  #restarted = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#context = options.context;
  }

  async run(): Promise<Conversed> {
    const { request } = this.#context;
    this.#files = await treeOf(this.#context, request.workspace.baseCommit);
    this.#session = (await request.sessions?.restore(this.#options.adapter)) ?? null;
    let turn = await this.#say("work", null);
    if (request.job.task === "analyze" || isBad(turn)) return { error: errorOf(turn), turn, verify: null };
    let verified = await this.#verify();
    for (;;) {
      const next = await this.#nextTurn(verified);
      if (next === null) return this.#done(turn, verified);
      if (next !== "judge again") {
        const said = await this.#say(next.reason, next.message);
        // A conflict is settled even where the agent gave up on it: then the work is published as it was.
        if (next.reason === "conflict") await request.movedBase?.settle();
        else if (isBad(said)) return { ...this.#done(said, verified), error: errorOf(said) };
        if (!isBad(said)) turn = said;
      }
      verified = await this.#verify();
    }
  }

  /** What the agent has to hear of next; null: nothing, the conversation is over. */
  async #nextTurn(
    verified: Verified,
  ): Promise<{ readonly reason: TurnReason; readonly message: string } | "judge again" | null> {
    const { job, movedBase } = this.#context.request;
    const rounds = job.verify?.rounds ?? 0;
    if (verified.state === "failed" && this.#rounds < rounds) {
      this.#rounds += 1;
      return { reason: "red", message: redMessage(verified, this.#rounds === rounds) };
    }
    const meeting = (await movedBase?.meet()) ?? { end: "fits" };
    switch (meeting.end) {
      case "fits":
        return null;
      case "rebased":
        return "judge again";
      case "conflict":
        return { reason: "conflict", message: conflictMessage(meeting.prompt) };
    }
  }

  #done(turn: Turn, verified: Verified): Conversed {
    return { error: null, turn, verify: { ...verified, rounds: this.#rounds } };
  }

  /** One turn, and one more where it was stuck and none was before. */
  async #say(reason: TurnReason, message: string | null): Promise<Turn> {
    const turn = await this.#turn(reason, message);
    const { stuck } = turn;
    if (stuck === null || this.#restarted) return turn;
    this.#restarted = true;
    // A session that went round in circles would go on with them; one that only fell silent is worth keeping.
    if (stuck.reason !== "silent") this.#session = null;
    return this.#turn("stuck", joined(message, stuckMessage(stuck)));
  }

  async #turn(reason: TurnReason, message: string | null): Promise<Turn> {
    const { opening } = this.#options;
    const { request } = this.#context;
    if (this.#turns > 0) await request.enter("run");
    const resumed = this.#session;
    // A session that this attempt began knows the task; one from before is told what is new of it.
    const known = resumed !== null && this.#turns > 0 && message !== null;
    const first = await this.#run(reason, resumed, known ? message : joined(opening(resumed !== null), message));
    const rejected = resumed !== null && first.end.end === "error" && first.end.code === RESUME_REJECTED;
    if (!rejected) return first;
    await request.log.say("the agent cannot go on with its session; it begins a new one");
    this.#session = null;
    return this.#run(reason, null, joined(opening(false), message));
  }

  async #run(reason: TurnReason, resume: ResumedSession | null, prompt: string): Promise<Turn> {
    const { adapter } = this.#options;
    const { request } = this.#context;
    this.#turns += 1;
    request.onEvent({ type: "turn", turn: this.#turns, reason, resumed: resume !== null });
    const turn = await runTurn(this.#context, { adapter, input: this.#input(prompt, resume), files: this.#files });
    const { sessionId, totals, version, model, text } = turn.end;
    request.onTurn({ name: adapter.name, version, model }, text);
    if (adapter.sessionFiles.length > 0 && sessionId !== null) {
      this.#session = { sessionId, totals };
      request.sessions?.note({ adapter, sessionId, totals });
    }
    request.signal.throwIfAborted();
    await killAgent(request.slot);
    if (turn.stuck !== null) {
      const { reason: why, message } = turn.stuck;
      request.onEvent({ type: "stuck", reason: why, message, restarted: !this.#restarted });
      await request.log.say(`stuck: ${message}${this.#restarted ? "" : " It is told so and begins again."}`);
    }
    return turn;
  }

  #input(prompt: string, resume: ResumedSession | null): AgentInput {
    const { settings, request, env } = this.#context;
    return {
      prompt,
      instructions: askedNow(request.job),
      workspace: request.workspace.repo,
      home: request.slot.home,
      output: request.output,
      llmBaseUrl: settings.llmUrl,
      llmToken: request.llmToken,
      settings: settingsOf(this.#context),
      resume,
      env,
    };
  }

  async #verify(): Promise<Verified> {
    const verified = await verify(this.#context);
    const { state, command } = verified;
    if (state !== "off") this.#context.request.onEvent({ type: "verify", state, round: this.#rounds, command });
    return verified;
  }
}

/** What the operator says, with the worker's own model for Claude Code where the server names none. */
function settingsOf({ settings, request: { job } }: TaskContext): AgentSettings {
  const model = job.agentSettings.model ?? (job.agent === "claude" ? (settings.model ?? null) : null);
  return { ...job.agentSettings, model };
}

function isBad({ end, stuck }: Turn): boolean {
  return stuck !== null || end.end === "error";
}

function errorOf({ end, stuck }: Turn): AttemptError | null {
  if (stuck !== null) {
    const message = `The agent was stuck, was told so, and was stuck again. ${stuck.message}`;
    return { code: "agent_stuck", kind: "work", message };
  }
  return end.end === "error" ? { code: end.code, kind: end.kind, message: end.message } : null;
}

function joined(first: string | null, then: string | null): string {
  return [first, then]
    .filter((text) => text !== null)
    .map((text) => text.trimEnd())
    .join("\n\n");
}
