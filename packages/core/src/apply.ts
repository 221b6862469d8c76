/**
 * The door to the queue's rules. Applying a command takes three steps, and the second and third without a pause between:
 *
 *     read what `lacking(state, command, docs)` names, with writes not yet durable laid over it, until it names nothing;
 *     applied = apply(state, command, docs, now);
 *     hand the changes to the store, and once they are durable give the reply and run the effects.
 *
 * What a command needs can change while documents are read, because other commands end or begin jobs meanwhile: that is
 * why `lacking` is asked again each time, and why the documents must be current at the moment of `apply`. `apply` throws
 * a `HiveError` before it changed anything, or changes the state for good: if the commit then fails, the state is dropped
 * and loaded anew.
 */

import type { Applied, Command, CommandOf, CommandType, Docs, Now, Replies } from "./command.ts";
import { docKey } from "./command.ts";
import * as agreeStart from "./commands/agree-start.ts";
import * as approve from "./commands/approve.ts";
import * as cancel from "./commands/cancel.ts";
import * as choose from "./commands/choose.ts";
import * as claim from "./commands/claim.ts";
import * as comment from "./commands/comment.ts";
import * as controlGroup from "./commands/control-group.ts";
import * as delivered from "./commands/delivered.ts";
import * as drain from "./commands/drain.ts";
import * as egressBlocked from "./commands/egress-blocked.ts";
import * as endLeases from "./commands/end-leases.ts";
import * as enqueue from "./commands/enqueue.ts";
import * as finish from "./commands/finish.ts";
import * as fireSchedule from "./commands/fire-schedule.ts";
import * as forget from "./commands/forget.ts";
import * as forgetDeliveries from "./commands/forget-deliveries.ts";
import * as forgetGroups from "./commands/forget-groups.ts";
import * as heartbeat from "./commands/heartbeat.ts";
import * as observe from "./commands/observe.ts";
import * as openGroup from "./commands/open-group.ts";
import * as park from "./commands/park.ts";
import * as pauseSchedule from "./commands/pause-schedule.ts";
import * as prune from "./commands/prune.ts";
import * as publish from "./commands/publish.ts";
import * as receive from "./commands/receive.ts";
import * as putSchedule from "./commands/put-schedule.ts";
import * as reconsider from "./commands/reconsider.ts";
import * as redeliver from "./commands/redeliver.ts";
import * as register from "./commands/register.ts";
import * as reject from "./commands/reject.ts";
import * as removeSchedule from "./commands/remove-schedule.ts";
import * as reserve from "./commands/reserve.ts";
import * as report from "./commands/report.ts";
import * as retry from "./commands/retry.ts";
import * as settleGroup from "./commands/settle-group.ts";
import * as settleSlot from "./commands/settle-slot.ts";
import * as sweep from "./commands/sweep.ts";
import * as usage from "./commands/usage.ts";
import * as wakeGroups from "./commands/wake-groups.ts";
import * as workerGone from "./commands/worker-gone.ts";
import type { Key } from "./document.ts";
import type { State } from "./state.ts";
import { Step } from "./step.ts";

/** What carries out one type of command. */
interface Verb<T extends CommandType> {
  readonly needs: (state: State, command: CommandOf<T>, docs: Docs) => readonly Key[];
  readonly apply: (step: Step, command: CommandOf<T>) => Replies[T];
}

const VERBS: { readonly [T in CommandType]: Verb<T> } = {
  agreeStart: { needs: agreeStart.needs, apply: agreeStart.agreeStart },
  approve: { needs: approve.needs, apply: approve.approve },
  cancel: { needs: cancel.needs, apply: cancel.cancel },
  choose: { needs: choose.needs, apply: choose.choose },
  claim: { needs: claim.needs, apply: claim.claim },
  comment: { needs: comment.needs, apply: comment.comment },
  controlGroup: { needs: controlGroup.needs, apply: controlGroup.controlGroup },
  delivered: { needs: delivered.needs, apply: delivered.delivered },
  drain: { needs: drain.needs, apply: drain.drain },
  egressBlocked: { needs: egressBlocked.needs, apply: egressBlocked.egressBlocked },
  endLeases: { needs: endLeases.needs, apply: endLeases.endLeases },
  enqueue: { needs: enqueue.needs, apply: enqueue.enqueue },
  finish: { needs: finish.needs, apply: finish.finish },
  fireSchedule: { needs: fireSchedule.needs, apply: fireSchedule.fireSchedule },
  forget: { needs: forget.needs, apply: forget.forget },
  forgetDeliveries: { needs: forgetDeliveries.needs, apply: forgetDeliveries.forgetDeliveries },
  forgetGroups: { needs: forgetGroups.needs, apply: forgetGroups.forgetGroups },
  heartbeat: { needs: heartbeat.needs, apply: heartbeat.heartbeat },
  observe: { needs: observe.needs, apply: observe.observe },
  openGroup: { needs: openGroup.needs, apply: openGroup.openGroup },
  park: { needs: park.needs, apply: park.park },
  pauseSchedule: { needs: pauseSchedule.needs, apply: pauseSchedule.pauseSchedule },
  prune: { needs: prune.needs, apply: prune.prune },
  publish: { needs: publish.needs, apply: publish.publish },
  receive: { needs: receive.needs, apply: receive.receive },
  putSchedule: { needs: putSchedule.needs, apply: putSchedule.putSchedule },
  reconsider: { needs: reconsider.needs, apply: reconsider.reconsider },
  redeliver: { needs: redeliver.needs, apply: redeliver.redeliver },
  register: { needs: register.needs, apply: register.register },
  reject: { needs: reject.needs, apply: reject.reject },
  removeSchedule: { needs: removeSchedule.needs, apply: removeSchedule.removeSchedule },
  report: { needs: report.needs, apply: report.report },
  reserve: { needs: reserve.needs, apply: reserve.reserve },
  retry: { needs: retry.needs, apply: retry.retry },
  settleGroup: { needs: settleGroup.needs, apply: settleGroup.settleGroup },
  settleSlot: { needs: settleSlot.needs, apply: settleSlot.settleSlot },
  sweep: { needs: sweep.needs, apply: sweep.sweep },
  usage: { needs: usage.needs, apply: usage.usage },
  wakeGroups: { needs: wakeGroups.needs, apply: wakeGroups.wakeGroups },
  workerGone: { needs: workerGone.needs, apply: workerGone.workerGone },
};

const NOTHING_READ: Docs = new Map();

/** The documents this command depends on as things stand, given those read so far. */
export function needs<C extends Command>(state: State, command: C, docs: Docs = NOTHING_READ): readonly Key[] {
  return verbOf<C["type"]>(command.type).needs(state, itself(command), docs);
}

/** The documents that must still be read before this command can be applied; empty when it can be. */
export function lacking<C extends Command>(state: State, command: C, docs: Docs): readonly Key[] {
  const wanted = needs(state, command, docs);
  return wanted.length === 0 ? wanted : wanted.filter((key) => !docs.has(docKey(key)));
}

/**
 * Applies one command to the state.
 * @throws HiveError when it cannot be carried out, and then nothing changed
 */
export function apply<C extends Command>(state: State, command: C, docs: Docs, now: Now): Applied<C["type"]> {
  const step = new Step(state, docs, now);
  return step.done<C["type"]>(verbOf<C["type"]>(command.type).apply(step, itself(command)));
}

function verbOf<T extends CommandType>(type: T): Verb<T> {
  return VERBS[type];
}

/** A command is the command of its own type, which the compiler cannot see for a type it does not know yet. */
function itself<C extends Command>(command: C): CommandOf<C["type"]> {
  const any: Command = command;
  return any as CommandOf<C["type"]>;
}
