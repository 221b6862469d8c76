/**
 * The gate every connection of a job passes: whose token is it, may it reach the place, has its lease room for one more
 * connection, and is each address behind the name one that may be connected to?
 */
import type { Socket } from "node:net";
import { hash } from "node:crypto";
import { type Place, showPlace } from "@hive/core";
import type { EgressRefusal } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import { AddressRefusedError } from "../guard/connection.ts";
import type { DispatcherLink, EgressLease } from "./dispatcher-link.ts";
import type { Refusal } from "./refusal.ts";
import { createTurns, type TurnLimits } from "./turns.ts";
import type { CutReason, Way, WayLimits, Ways } from "./ways.ts";

/** A connection that may be made. */
export interface Pass {
  readonly lease: EgressLease;
  readonly place: Place;
  /** The name in a TLS greeting, and the `Host` of a plain request, must be the place's. */
  readonly verifyName: boolean;
  /** No private address will do, not even one of a network that the server may reach. */
  readonly publicOnly: boolean;
  readonly way: Way;
}

export interface Gate {
  /** `cut` closes the connection that is asked for here; it is called at most once. */
  admit(token: string | null, place: Place, cut: () => void): Promise<Pass | Refusal>;
  /** Connects where a pass leads. The socket counts towards its way from then on. */
  connect(pass: Pass): Promise<Socket | Refusal>;
  /** Tells of a refusal that was found later, and gives what to answer. */
  blocked(pass: Pass, reason: EgressRefusal, message: string): Refusal;
}

export interface GateOptions {
  readonly link: DispatcherLink;
  readonly ways: Ways;
  readonly limits: WayLimits;
  /** Makes a connection under the guard; with `publicOnly` under the one that knows no exceptions. */
  readonly reach: (target: Place, signal: AbortSignal, publicOnly: boolean) => Promise<Socket>;
  readonly clock: Pick<Clock, "mono" | "after">;
}

/** Milliseconds until a connection must be there. */
const CONNECT_MS = 20_000;
/** Milliseconds a refusal is remembered, so that a client that tries on and on is answered from here. */
const REMEMBERED_MS = 2_000;
const MAX_REMEMBERED = 1_000;
/**
 * Questions to the dispatcher: of one token eight at once, more wait; beyond these clients are asked to come again. Each
 * refusal keeps its turn a little longer, so that code which tries every name there is gets eighty answers a second.
 */
const TURNS: TurnLimits = { atOnce: 8, waiting: 256, all: 2_048 };
const REFUSED_TURN_MS = 100;

/** True for a no. */
export function isRefusal(answer: object): answer is Refusal {
  return "code" in answer && "message" in answer;
}

export function createGate({ link, ways, limits, reach, clock }: GateOptions): Gate {
  const refused = new Map<string, { readonly refusal: Refusal; readonly until: number }>();
  const turns = createTurns(TURNS);

  async function ask(token: string, place: Place): Promise<Omit<Pass, "way"> | Refusal> {
    const who = hash("sha256", token, "base64");
    const key = `${who} ${showPlace(place)}`;
    const known = refused.get(key);
    if (known !== undefined && known.until > clock.mono()) return known.refusal;
    const giveBack = await turns.take(who);
    if (giveBack === null) return { code: "not_ready", message: "Too many connections are being opened" };
    const answer = await link.open(token, place);
    if (answer.kind === "verdict" && answer.verdict.allowed) giveBack();
    else clock.after(REFUSED_TURN_MS, giveBack);
    switch (answer.kind) {
      case "unanswered":
        return { code: "not_ready", message: "Hive's server cannot say now whether this may be reached" };
      case "unauthorized":
        return { code: "unauthorized", message: answer.message };
      case "no_lease":
        return { code: "lease_lost", message: answer.message };
      case "verdict":
        break;
    }
    const { verdict } = answer;
    const { jobId, fence } = verdict;
    if (verdict.allowed) {
      const { audience, verifyName, publicOnly } = verdict;
      return { lease: { jobId, fence, audience }, place, verifyName, publicOnly };
    }
    const refusal: Refusal = { code: "egress_blocked", message: verdict.message, reason: verdict.reason };
    if (refused.size >= MAX_REMEMBERED) refused.clear();
    refused.set(key, { refusal, until: clock.mono() + REMEMBERED_MS });
    return refusal;
  }

  function blocked({ lease, place }: Pick<Pass, "lease" | "place">, reason: EgressRefusal, message: string): Refusal {
    link.blocked(lease, place, reason, message);
    return { code: "egress_blocked", message, reason };
  }

  const limitMessages = {
    too_many_connections: `This job has ${limits.connections} connections to the outside already, the most it may have (HIVE_EGRESS_CONNECTIONS)`,
    too_many_bytes: `This attempt has moved ${limits.bytes} bytes, all it may (HIVE_EGRESS_BYTES)`,
  } as const;

  return {
    async admit(token, place, cut) {
      if (token === null) {
        return {
          code: "unauthorized",
          message: "This proxy wants a lease token as its password: http://hive:TOKEN@host:port",
        };
      }
      const asked = await ask(token, place);
      if (isRefusal(asked)) return asked;
      const onCut = (reason: CutReason): void => {
        if (reason === "too_many_bytes") blocked(asked, reason, limitMessages[reason]);
        cut();
      };
      const way = ways.open(asked.lease, onCut);
      return typeof way === "string" ? blocked(asked, way, limitMessages[way]) : { ...asked, way };
    },

    async connect(pass) {
      const deadline = new AbortController();
      const takeBack = clock.after(CONNECT_MS, () => deadline.abort(new Error("it did not answer in time")));
      try {
        const upstream = await reach(pass.place, deadline.signal, pass.publicOnly);
        pass.way.carry(upstream);
        return upstream;
      } catch (error) {
        if (error instanceof AddressRefusedError) {
          const message = `${showPlace(pass.place)} is at a private address, and "*" allows public hosts alone`;
          return blocked(pass, "private_address", pass.publicOnly ? message : error.message);
        }
        return {
          code: "egress_unreachable",
          message: `${showPlace(pass.place)} could not be reached: ${reasonOf(error)}`,
        };
      } finally {
        takeBack();
      }
    },

    blocked,
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
