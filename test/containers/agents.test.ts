/**
 * The four real agent programs where people run them: in the worker's image, by its build option, each job in a container
 * without a network. Here it shows that nothing of them needs what the container does not have: a home that may be
 * written to outside the tmpfs, a folder to execute from, a way to the internet, a key.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildImage } from "../../scripts/images.ts";
import { type AgentsHive, CLIS, priceOf, startAgentsHive } from "../e2e/agents-hive.ts";
import { ROOT } from "../e2e/hive-process.ts";
import { holds } from "../e2e/canary.ts";
import { run, say, write } from "../peers/models/steps.ts";
import { BASE_IMAGE } from "./engine/base-image.ts";
import { fleetEnvironment, untilEngineIsEmpty } from "./fleet-hive.ts";
import { engine, isMissing } from "./test-engine.ts";

const IMAGE = "hive-worker:test-clis";

/** The packages of the four programs, pinned as the tests' own folders pin them. */
function pinnedPackages(): string {
  return CLIS.map(({ name }) => {
    const text = readFileSync(join(ROOT, "test/peers", name, "package.json"), "utf8");
    const wanted = JSON.parse(text) as Record<"dependencies" | "optionalDependencies", Record<string, string>>;
    const [[packageName, version] = ["", ""]] = Object.entries(wanted.dependencies ?? wanted.optionalDependencies);
    // The binary alone has no command; the package that people install links it.
    return `${packageName.replace(/^opencode-linux-\w+$/, "opencode-ai")}@${version}`;
  }).join(" ");
}

describe.skipIf(isMissing)("agents in containers", () => {
  let world: AgentsHive;
  let repo: string;
  const docker = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: "0" };

  beforeAll(async () => {
    const args = { BASE_IMAGE, AGENTS: pinnedPackages() };
    await buildImage("worker", { name: IMAGE, args, env: docker, quiet: true });
    world = await startAgentsHive({ env: fleetEnvironment({ socket: engine.socket, workerImage: IMAGE }) });
    repo = world.git.makeRepo("app.git");
    // Obeyed, it would end the program: in an image the worker's own settings rank above it.
    const trap = { tools: { discoveryCommand: "false" } };
    world.git.commit("app.git", "main", { ".gemini/settings.json": JSON.stringify(trap) });
  }, 600_000);
  afterAll(async () => {
    await world?.dispose();
    await untilEngineIsEmpty(engine.socket, 60_000);
    execFileSync("docker", ["image", "rm", "--force", IMAGE], { env: docker, stdio: "ignore" });
  });

  test.each(CLIS)("$name works in a container, and its key stays outside", async ({ name, key, model }) => {
    const { models, server, git } = world;
    const jobId = `${name}-contained`;
    models.play(jobId, [
      write("hello.txt", "hello\n"),
      run("id -u > user.txt; env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'"),
      say("Wrote what was asked for."),
    ]);
    const job = await server.run({
      jobId,
      repo,
      agent: name,
      task: "agent",
      instructions: `Write the files of the story ${jobId}, please.`,
    });
    expect(job, server.printed().slice(-6_000)).toMatchObject({ status: "succeeded", error: null, attempts: 1 });
    expect(git.read("app.git", `hive/${jobId}`, "hello.txt")).toBe("hello");
    expect(Number(git.read("app.git", `hive/${jobId}`, "user.txt"))).toBeGreaterThanOrEqual(20_000);
    expect(job.result).toMatchObject({ isolation: "container", agent: { name, model } });
    const cost = models.costOf(jobId);
    expect(job.usage).toMatchObject({ calls: cost.answers, inputTokens: cost.input, outputTokens: cost.output });
    expect(job.usage?.costUsd).toBe(name === "opencode" ? 0 : priceOf(cost));
    // Every environment it could read came back to its model.
    const sent = models.callsOf(jobId).map((call) => call.sent);
    expect(sent.join("\n")).toContain("HIVE_JOB_ID=");
    expect(sent.some((text) => holds(key, text))).toBe(false);
    // None of them calls home, for news, plugins or statistics.
    const events = await (await server.fetch(`/v1/jobs/${jobId}/events?limit=1000`)).text();
    expect(events).not.toContain("job.egress_blocked");
  });
});
