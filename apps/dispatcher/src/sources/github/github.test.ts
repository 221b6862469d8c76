import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { HookRequest, Occurrence, PollTools } from "../contract.ts";
import { webhookExamples } from "../../../../../test/peers/github/webhook-examples.ts";
import { anyType } from "../configured-type.ts";
import { sourceTypeSuite } from "../source-type.suite.ts";
import { TryLater } from "../try-later.ts";
import { githubType } from "./github.ts";
import { githubSchema, placeOfRepo, type GitHubSettings } from "./github-settings.ts";

const SECRET = "It's a Secret to Everybody";
const NOW = Date.parse("2026-11-23T12:00:00Z");
const { hook } = githubType;

function settings(more: Record<string, unknown> = {}): GitHubSettings {
  const repo = "https://github.com/Codertocat/Hello-World";
  return githubSchema.parse({ repo, token: { env: "T" }, webhookSecret: { env: "S" }, ...more });
}

/** A GitHub on which `writers` may push; what was asked of it. */
function gitHub(writers: readonly string[]): { readonly tools: PollTools; readonly asked: string[] } {
  const asked: string[] = [];
  const tools: PollTools = {
    now: NOW,
    secret: () => "token",
    signal: AbortSignal.timeout(60_000),
    fetch: async (url) => {
      asked.push(new URL(url).pathname);
      const login = /collaborators\/([^/]+)\/permission$/.exec(url)?.[1] ?? "";
      const permission = writers.includes(login) ? "write" : "read";
      return { status: 200, headers: new Headers(), body: Buffer.from(JSON.stringify({ permission })) };
    },
  };
  return { tools, asked };
}

function signed(event: string, body: unknown, headers: Record<string, string> = {}): HookRequest {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const signature = createHmac("sha256", SECRET).update(bytes).digest("hex");
  return {
    headers: { "x-github-event": event, "x-hub-signature-256": `sha256=${signature}`, ...headers },
    body: bytes,
    receivedAt: NOW,
  };
}

async function read(
  event: string,
  body: unknown,
  own = settings(),
  github = gitHub(["Codertocat"]),
): Promise<readonly Occurrence[]> {
  return (await hook?.read(own, signed(event, body), github.tools)) ?? [];
}

/** The payload GitHub shows for this event, with some of it changed. */
function example(event: string, action: string, change: (body: Record<string, unknown>) => void = () => {}): unknown {
  const found = webhookExamples
    .find(({ name }) => name === event)
    ?.examples.find((one) => "action" in one && one.action === action);
  const body: Record<string, unknown> = structuredClone({ ...found });
  change(body);
  return body;
}

const labelled = (label: string): unknown =>
  example("issues", "labeled", (body) => Object.assign(body, { label: { name: label } }));

const labelledRequest = signed("issues", labelled("hive"), { "x-github-delivery": "72d3162e" });
sourceTypeSuite({
  type: anyType(githubType),
  settings: { repo: "https://github.com/Codertocat/Hello-World", webhookSecret: { env: "S" } },
  secret: SECRET,
  delivery: { headers: labelledRequest.headers, body: labelledRequest.body },
  fetch: gitHub(["Codertocat"]).tools.fetch,
});

describe("a webhook of GitHub", () => {
  it("is GitHub's own when its signature fits its bytes, and not when one of them is another", () => {
    const request = signed("ping", "Hello, World!");
    expect(request.headers["x-hub-signature-256"]).toBe(
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    );
    const verify = (what: HookRequest): void => hook?.verify(settings(), what, () => SECRET);
    expect(() => verify(request)).not.toThrow();
    expect(() => verify({ ...request, body: Buffer.from("Hello, World?") })).toThrow("does not fit");
    expect(() => verify({ ...request, headers: {} })).toThrow("x-hub-signature-256");
    expect(() => verify({ ...request, headers: { "x-hub-signature-256": "sha1=00" } })).toThrow('"sha256="');
  });

  it("is told apart by GitHub's own id of the delivery", () => {
    const request = signed("ping", {}, { "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958" });
    expect(hook?.deliveryId(request, settings())).toBe("72d3162e-cc78-11e3-81ab-4c9367dc0958");
  });

  it("of any event that GitHub shows is understood, and none of them is about Hive", async () => {
    const all = webhookExamples.flatMap(({ name, examples: bodies }) => bodies.map((body) => [name, body] as const));
    expect(new Set(all.map(([name]) => name)).size).toBe(58);
    for (const [name, body] of all) expect(await read(name, body), name).toEqual([]);
  });

  it("gives work when somebody who may push gave an issue the label", async () => {
    const [issue, ...more] = await read("issues", labelled("Hive"));
    expect(more).toEqual([]);
    expect(issue).toMatchObject({
      identity: ["github.com/Codertocat/Hello-World", "issue", "1"],
      state: "firing",
      title: "Codertocat/Hello-World#1: Spelling error in the README file",
      fields: { kind: "issue", sender: "Codertocat", number: "1" },
    });
    expect(githubType.issueOf?.(settings(), issue?.fields ?? {})).toEqual({
      place: "github.com/Codertocat/Hello-World",
      number: 1,
      tell: true,
    });
  });

  it("gives none by somebody who may only read, by a bot, by Hive's own account, or in another repository", async () => {
    expect(await read("issues", labelled("hive"), settings(), gitHub([]))).toEqual([]);
    expect(await read("issues", labelled("hive"), settings({ ignore: ["codertocat"] }))).toEqual([]);
    expect(await read("issues", labelled("hive"), settings({ repo: "https://github.com/acme/app" }))).toEqual([]);
    const byBot = example("issues", "labeled", (body) =>
      Object.assign(body, { label: { name: "hive" }, sender: { login: "hive-app[bot]", type: "Bot" } }),
    );
    const github = gitHub(["hive-app[bot]"]);
    expect(await read("issues", byBot, settings(), github)).toEqual([]);
    expect(github.asked).toEqual([]);
    expect(await read("issues", byBot, settings({ bots: ["hive-app[bot]"] }))).toHaveLength(1);
  });

  it("ends it when the label is taken away or the issue closed, whoever does it", async () => {
    const unlabelled = example("issues", "unlabeled", (body) => Object.assign(body, { label: { name: "hive" } }));
    expect(await read("issues", unlabelled, settings(), gitHub([]))).toMatchObject([{ state: "resolved" }]);
  });

  it("starts a round on the branch of Hive's own whose checks are red, and on no other", async () => {
    const run = (branch: string): unknown =>
      example("check_run", "completed", (body) => {
        const { check_run: check } = body;
        if (typeof check !== "object" || check === null) throw new Error("no check_run");
        Object.assign(check, { conclusion: "failure", check_suite: { head_branch: branch } });
      });
    const [round, ...more] = await read("check_run", run("hive/app.0123456789ab.1"));
    expect(more).toEqual([]);
    expect(round?.followUp).toEqual({
      place: "github.com/Codertocat/Hello-World",
      branch: "hive/app.0123456789ab.1",
      cause: expect.stringMatching(/^checks of [0-9a-f]{40}$/),
    });
    expect(await read("check_run", run("changes"))).toEqual([]);
    expect(await read("check_run", run("master"))).toEqual([]);
    expect(await read("check_run", run("master"), settings({ on: ["default_branch"] }))).toMatchObject([
      { state: "firing", fields: { kind: "check", conclusion: "failure" } },
    ]);
  });

  it("starts a round for a review by somebody who may push, on a branch of this repository", async () => {
    const comment = (head: Record<string, unknown>): unknown =>
      example("pull_request_review_comment", "created", (body) => {
        const { pull_request: pull } = body;
        if (typeof pull !== "object" || pull === null || !("head" in pull)) throw new Error("no pull_request");
        Object.assign(pull, { head: { ...Object(pull.head), ...head } });
      });
    const own = comment({ ref: "hive/x" });
    expect(await read("pull_request_review_comment", own)).toMatchObject([
      { followUp: { branch: "hive/x", cause: expect.stringMatching(/^review \d+$/) } },
    ]);
    expect(await read("pull_request_review_comment", own, settings(), gitHub([]))).toEqual([]);
    const fork = comment({ ref: "hive/x", repo: { full_name: "mallory/Hello-World" } });
    expect(await read("pull_request_review_comment", fork)).toEqual([]);
  });

  it("is read later where GitHub cannot be asked now who somebody is, and not where it refuses the question", async () => {
    const answering = (answer: PollTools["fetch"]) => ({
      ...gitHub([]),
      tools: { ...gitHub([]).tools, fetch: answer },
    });
    const status = (code: number) =>
      answering(async () => ({ status: code, headers: new Headers(), body: Buffer.from("{}") }));
    const refusing = answering(() => Promise.reject(new Error("the line is down")));
    await expect(read("issues", labelled("hive"), settings(), refusing)).rejects.toThrow(TryLater);
    await expect(read("issues", labelled("hive"), settings(), status(503))).rejects.toThrow(TryLater);
    await expect(read("issues", labelled("hive"), settings(), status(429))).rejects.toThrow(TryLater);
    await expect(read("issues", labelled("hive"), settings(), status(403))).rejects.not.toThrow(TryLater);
  });

  it("that is no JSON is refused in words for people", async () => {
    await expect(read("issues", "{")).rejects.toThrow();
  });
});

describe("the settings of a github source", () => {
  it("name a repository, and its API follows from where it is", () => {
    const api = (repo: string): string => placeOfRepo(settings({ repo })).apiUrl;
    expect(api("https://github.com/acme/app.git")).toBe("https://api.github.com");
    expect(api("https://acme.ghe.com/acme/app")).toBe("https://api.acme.ghe.com");
    expect(api("http://127.0.0.1:8080/acme/app")).toBe("http://127.0.0.1:8080/api/v3");
    for (const repo of ["acme/app", "https://github.com/acme", "git@github.com:acme/app", "https://x@github.com/a/b"])
      expect(githubSchema.safeParse({ repo }).success, repo).toBe(false);
  });

  it("poll, unless there is a secret for webhooks", () => {
    expect(githubType.mode?.(githubSchema.parse({ repo: "https://github.com/a/b" }))).toBe("polls");
    expect(githubType.mode?.(settings())).toBe("is told");
  });
});
