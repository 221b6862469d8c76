/** What each provider's API has to tell of its format, so that one server can speak them all. */
import type { IncomingHttpHeaders } from "node:http";
import type { Figures } from "./figures.ts";
import type { Failure } from "./steps.ts";

/** A request that asks a model for an answer. */
export interface Asked {
  readonly model: string;
  readonly stream: boolean;
  readonly tools: readonly OfferedTool[];
}

/** A tool the caller offers. */
export interface OfferedTool {
  readonly name: string;
  /** True: its input is a text of its own format rather than JSON (OpenAI's custom tools). */
  readonly freeform: boolean;
}

/** One answer before it is put in a provider's words. */
export interface Answer {
  /** Unlike that of any other answer of this server. */
  readonly id: string;
  readonly model: string;
  readonly blocks: readonly Block[];
  readonly stop: "end" | "tool" | "refusal";
  readonly usage: Figures;
}

export type Block =
  | { readonly type: "thinking"; readonly text: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool"; readonly id: string; readonly name: string; readonly input: ToolInput };

export type ToolInput = Readonly<Record<string, unknown>> | string;

/** A whole reply that is no answer of a model. */
export interface PlainReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What came in, read once. */
export interface Incoming {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; null when there was none. */
  readonly body: Fields | null;
}

/** One provider's format. */
export interface WireApi {
  readonly name: "anthropic" | "openai-responses" | "openai-chat" | "gemini";
  /** The request as a question to a model; null when it is none of this API's. */
  ask(incoming: Incoming): Asked | null;
  /** Replies that need no script: lists of models, counts of tokens. Null: not this API's. */
  plain(incoming: Incoming): PlainReply | null;
  /** The answer as server-sent records, in order. The first ones tell that it began, the last ones that it ended. */
  stream(answer: Answer, incoming: Incoming): readonly string[];
  /** The answer in one piece. */
  whole(answer: Answer): unknown;
  error(failure: Failure): PlainReply;
}

/** A JSON object from outside. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value as an object; an empty one when it is none. */
export function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** The value as a list of objects; an empty one when it is none. */
export function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}

/** The value as a text; an empty one when it is none. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A text in pieces of a few characters, as models send it. */
export function tokensOf(whole: string): readonly string[] {
  return whole.match(/[\s\S]{1,8}/g) ?? [];
}
