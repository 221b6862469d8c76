import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { plainEnvironment } from "../../e2e/hive-process.ts";
import { startRedis } from "../../peers/redis/redis-server.ts";
import { openShiftedClock } from "./shifted-clock.ts";

const HOUR_MS = 3_600_000;
/** Longer than a look takes on the busiest machine. */
const NEAR_MS = 60_000;

it("moves the wall clock of a running Node by an hour, and not what measures time", async () => {
  using clock = openShiftedClock();
  const script = `process.stdin.on("data", () => console.log(JSON.stringify([Date.now(), performance.now()])));`;
  const child = spawn(process.execPath, ["-e", script], { env: plainEnvironment(clock.env) });
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ask = async (): Promise<readonly [number, number]> => {
      child.stdin.write("?\n");
      const [wall, mono] = JSON.parse(String((await lines.next()).value)) as [number, number];
      return [wall - Date.now(), mono];
    };
    const [at, began] = await ask();
    expect(Math.abs(at)).toBeLessThan(NEAR_MS);
    for (const shift of [HOUR_MS, -HOUR_MS, 0]) {
      clock.set(shift);
      const [ahead, mono] = await ask();
      expect(Math.abs(ahead - shift)).toBeLessThan(NEAR_MS);
      expect(mono - began).toBeLessThan(NEAR_MS);
      expect(mono).toBeGreaterThan(began);
    }
  } finally {
    child.kill("SIGKILL");
  }
});

it("moves the wall clock of a running Redis", async () => {
  using clock = openShiftedClock();
  const redis = await startRedis({ env: clock.env });
  const socket = connect(redis.port, "127.0.0.1");
  try {
    for (const shift of [0, HOUR_MS, -HOUR_MS]) {
      clock.set(shift);
      socket.write("TIME\r\n");
      const [reply] = (await once(socket, "data")) as [Buffer];
      // Two texts: seconds and microseconds.
      const seconds = Number(reply.toString().split("\r\n")[2]);
      expect(Math.abs(seconds * 1000 - Date.now() - shift)).toBeLessThan(NEAR_MS);
    }
  } finally {
    socket.destroy();
    await redis.dispose();
  }
});
