/** I2: one id, one job: it is made once, and all who were told that it is theirs sent the same body. */

import { all, type Checker, isEnd } from "./checker.ts";

export const oneIdOneJob: Checker = (seen) => [...madeOnce(seen), ...neverAnew(seen)];

const madeOnce: Checker = (seen) => {
  const broken: string[] = [];
  const made = new Map<string, number>();
  const bodies = new Map<string, string>();
  for (const { id, bodyHash, outcome, existing, at } of all(seen, "enqueue")) {
    if (outcome !== "ok") continue;
    if (!existing) made.set(id, (made.get(id) ?? 0) + 1);
    const known = bodies.get(id);
    if (known !== undefined && known !== bodyHash) broken.push(`I2: ${id} was accepted with two bodies, at ${at}`);
    bodies.set(id, bodyHash);
  }
  for (const [id, times] of made) if (times > 1) broken.push(`I2: ${id} was made ${times} times`);
  return broken;
};

const TELLS_OF_NO_MOVE: ReadonlySet<string> = new Set(["job.approved", "job.commented", "job.chosen", "job.signal"]);
const RUNGS = ["held", "blocked", "scheduled", "queued", "running"];

/**
 * A job made a second time shows in the stream: its generation falls, something follows the end of a generation, or it
 * stands again on a rung of the ladder (held, blocked, scheduled, queued) that it had left without ever being leased.
 */
const neverAnew: Checker = (seen) => {
  const broken: string[] = [];
  const lives = new Map<string, { generation: number; over: boolean; leased: boolean; rung: number }>();
  for (const { id, type, jobId, data } of seen.events) {
    const { generation, status } = data;
    if (jobId === null || typeof generation !== "number" || TELLS_OF_NO_MOVE.has(type)) continue;
    // From its candidates to a person's choice: the one step up the ladder there is.
    if (status === "held" && data["reason"] === "choice") continue;
    if (type === "job.progress" && data["phase"] === "candidates") continue;
    const rung = RUNGS.indexOf(String(status));
    const life = lives.get(jobId);
    const anew =
      life !== undefined &&
      (generation < life.generation ||
        (generation === life.generation &&
          (life.over || (!life.leased && rung !== -1 && rung <= life.rung && data["released"] === undefined))));
    if (anew) broken.push(`I2: ${jobId} began again in event ${id} (${type})`);
    const leased = type === "job.leased" || (life?.leased === true && life.generation === generation);
    lives.set(jobId, { generation, over: isEnd(type), leased, rung });
  }
  return broken;
};
