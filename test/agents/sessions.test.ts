/**
 * The sessions of the real agent programs on the way between two attempts that Hive takes them: packed from one home,
 * unpacked into another, beside another working copy. What a program then sends to its model shows that it goes on. The
 * token it had is in none of the files.
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  packSession,
  SESSION_LIMITS,
  type SessionPlace,
  unpackSession,
} from "../../apps/worker/src/sessions/session-files.ts";
import { say, write } from "../peers/models/steps.ts";
import { type Cli, type CliJob, CLIS, type CliWorld, isInstalled, openCliWorld } from "./cli-world.ts";

const installed = CLIS.filter(isInstalled).map((cli) => ({ name: cli.adapter.name, cli }));
let world: CliWorld;

beforeAll(async () => {
  world = await openCliWorld();
});
afterAll(() => world.stop());

function placeOf({ adapter }: Cli, { at, input }: CliJob): SessionPlace {
  return {
    slot: {
      user: undefined,
      isolation: "none",
      limits: {},
      home: input.home,
      tmp: join(at, "tmp"),
      workspace: input.workspace,
    },
    files: adapter.sessionFiles,
    workspaceNames: adapter.workspaceNames?.(input.workspace) ?? [],
    limits: SESSION_LIMITS,
    signal: new AbortController().signal,
  };
}

test.each(installed)(
  "$name goes on with what was packed in another home, beside another working copy",
  async ({ name, cli }) => {
    const story = `${name}-is-packed`;
    world.models.play(story, [write("one.txt", "one\n"), say("A word only this session knows: heliotrope.")]);
    const first = await world.job(cli, { prompt: `The story ${story}.` });
    const { end, log } = await world.run(cli, first.input);
    expect(end, log).toMatchObject({ end: "ok" });

    const file = join(first.at, "session.tar.zst");
    expect(await packSession(placeOf(cli, first), file)).toBeGreaterThan(0);
    expect(zstdDecompressSync(await readFile(file)).includes(first.input.llmToken)).toBe(false);
    for (const path of [first.input.home, first.input.workspace]) await rm(path, { recursive: true });
    const second = await world.job(cli, { prompt: `And now the story ${story}-again.` });
    await mkdir(join(second.at, "tmp"));
    await unpackSession(placeOf(cli, second), file);

    world.models.play(`${story}-again`, [write("two.txt", "two\n"), say("Wrote two.txt as well.")]);
    const resume = { sessionId: end.sessionId ?? "", totals: end.totals };
    const again = await world.run(cli, { ...second.input, resume });
    expect(again.end, again.log).toMatchObject({ end: "ok", text: "Wrote two.txt as well." });
    const [call] = world.models.callsOf(`${story}-again`).filter(({ step }) => step !== null);
    expect(call?.sent).toContain("heliotrope");
    expect(await readdir(second.input.workspace)).toEqual(["two.txt"]);
  },
  180_000,
);
