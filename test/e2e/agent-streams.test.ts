/** Models that break off or decline, under each of the real agent programs: nothing is lost, nothing is believed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { say, write } from "../peers/models/steps.ts";
import { type AgentsHive, CLIS, isInstalled, priceOf, startAgentsHive } from "./agents-hive.ts";

const installed = CLIS.filter(isInstalled);

describe.runIf(installed.length > 0)("models that go wrong", () => {
  let world: AgentsHive;
  let repo: string;

  beforeAll(async () => {
    world = await startAgentsHive();
    repo = world.git.makeRepo("app.git");
  });
  afterAll(async () => {
    await world?.dispose();
  });

  const ask = (jobId: string, agent: string) => ({
    jobId,
    repo,
    agent,
    task: "agent" as const,
    instructions: `Do what the story ${jobId} says, please.`,
  });

  test.each(installed)(
    "$name: a stream that breaks off is asked for again, and what it may have cost is kept",
    async ({ name }) => {
      const { models, server, git } = world;
      const id = `${name}-cut`;
      models.play(id, [
        { do: "cut", text: "This answer is long enough to have a beginning, a middle and an end." },
        write("a.txt", "a\n"),
        say("Wrote it after all."),
      ]);
      const job = await server.run(ask(id, name));
      expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null });
      // Gemini's program gives up where the others ask again; then the queue does.
      expect(job.attempts).toBe(name === "gemini" ? 2 : 1);
      expect(git.read("app.git", `hive/${id}`, "a.txt")).toBe("a");
      expect(job.usage?.uncertainCalls).toBe(1);
      if (name !== "opencode") expect(job.usage?.costUsd).toBeGreaterThan(priceOf(models.costOf(id)));
    },
  );

  test.each(installed)("$name: a refusal is no success with work in it", async ({ name }) => {
    const { models, server, git } = world;
    const id = `${name}-refuses`;
    const no = { do: "refuse", text: "I will not do that." } as const;
    models.play(id, [no], no);
    const job = await server.run(ask(id, name));
    expect(job.status === "failed" || job.result?.noChanges === true, JSON.stringify(job)).toBe(true);
    expect(git.head("app.git", `hive/${id}`)).toBeNull();
  });
});
