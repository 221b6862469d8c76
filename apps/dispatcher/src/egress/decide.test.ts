import { expect, test } from "vitest";
import { type Asking, decide } from "./decide.ts";

const ASKING: Asking = {
  repo: "https://github.com/acme/app",
  githubApi: "https://api.github.com",
  workerList: ["registries", "example.com:8443"],
  workerListName: "HIVE_EGRESS (egress in hive.yaml)",
  jobList: null,
  untrusted: false,
};

const agent = (host: string, port = 443, more: Partial<Asking> = {}) =>
  decide("egress", { host, port }, { ...ASKING, ...more });
const supervisor = (host: string, port = 443, more: Partial<Asking> = {}) =>
  decide("worker", { host, port }, { ...ASKING, ...more });

test("an agent reaches what its worker's list names, and hears which setting names more", () => {
  expect(agent("registry.npmjs.org")).toEqual({ allowed: true, verifyName: true, publicOnly: false });
  expect(agent("example.com", 8443)).toMatchObject({ allowed: true });
  expect(agent("example.com")).toEqual({
    allowed: false,
    reason: "not_allowed",
    message:
      'Jobs here may reach registries, example.com:8443, and not example.com:443. To allow it, add "example.com" to HIVE_EGRESS (egress in hive.yaml)',
  });
  expect(agent("example.org", 22)).toMatchObject({ message: expect.stringContaining('add "example.org:22" to') });
  expect(agent("registry.npmjs.org", 443, { workerList: [] })).toMatchObject({
    message: expect.stringContaining("Jobs here may reach nothing"),
  });
});

test("an agent does not reach its job's git host, unless a list names it", () => {
  expect(agent("github.com")).toMatchObject({ allowed: false, reason: "not_allowed" });
  expect(agent("api.github.com")).toMatchObject({ allowed: false });
  expect(agent("github.com", 443, { workerList: ["github.com"] })).toMatchObject({ allowed: true });
});

test("the job's own list narrows and never widens", () => {
  const own = (jobList: string[], host: string) => agent(host, 443, { jobList });
  expect(own(["registry.npmjs.org"], "registry.npmjs.org")).toMatchObject({ allowed: true });
  expect(own(["registry.npmjs.org"], "pypi.org")).toMatchObject({
    allowed: false,
    reason: "not_in_job",
    message: expect.stringContaining('send the job with "pypi.org" in egress'),
  });
  expect(own([], "registry.npmjs.org")).toMatchObject({ reason: "not_in_job" });
  expect(own(["*", "evil.example"], "evil.example")).toMatchObject({ reason: "not_allowed" });
});

test("a job from outside reaches registries alone, and no more of them than its lists allow", () => {
  const outside = (host: string, more: Partial<Asking> = {}) =>
    agent(host, 443, { workerList: ["*"], untrusted: true, ...more });
  expect(outside("registry.npmjs.org")).toMatchObject({ allowed: true });
  expect(outside("evil.example")).toMatchObject({
    allowed: false,
    reason: "untrusted",
    message: expect.stringContaining("set trust: trusted there"),
  });
  expect(outside("evil.example", { jobList: ["evil.example"] })).toMatchObject({ reason: "untrusted" });
  expect(outside("pypi.org", { workerList: ["registry.npmjs.org"] })).toMatchObject({ reason: "not_allowed" });
  expect(outside("pypi.org", { jobList: [] })).toMatchObject({ reason: "not_in_job" });
});

test("a job from outside reaches a registry by its own name only, also where its worker may reach everything", () => {
  const outside = (more: Partial<Asking>) => agent("registry.npmjs.org", 443, { untrusted: true, ...more });
  expect(outside({ workerList: ["*"] })).toEqual({ allowed: true, verifyName: true, publicOnly: true });
  expect(outside({ workerList: ["registries", "*"], jobList: ["*"] })).toMatchObject({ verifyName: true });
});

test("the name is verified where either list means one host", () => {
  const lists = (workerList: string[], jobList: string[] | null) =>
    agent("registry.npmjs.org", 443, { workerList, jobList });
  expect(lists(["*"], null)).toEqual({ allowed: true, verifyName: false, publicOnly: true });
  // What a job names is no word of the operator's: its host stays a public one.
  expect(lists(["*"], ["registries"])).toEqual({ allowed: true, verifyName: true, publicOnly: true });
  expect(lists(["registries"], ["*"])).toEqual({ allowed: true, verifyName: true, publicOnly: false });
  expect(lists(["*"], ["*"])).toEqual({ allowed: true, verifyName: false, publicOnly: true });
});

test("a supervisor reaches its job's git host on its port, the API that belongs to it, and nothing else", () => {
  expect([supervisor("github.com"), supervisor("api.github.com")].map(({ allowed }) => allowed)).toEqual([true, true]);
  expect(supervisor("registry.npmjs.org")).toEqual({
    allowed: false,
    reason: "not_git_host",
    message: "The supervisor of this job reaches github.com:443 and api.github.com:443, and not registry.npmjs.org:443",
  });
  expect(supervisor("github.com", 80)).toMatchObject({ allowed: false });
  expect(supervisor("api.github.com", 443, { githubApi: null })).toMatchObject({ allowed: false });
  const own = { repo: "http://Git.Example.:3000/a/b.git", githubApi: null };
  expect(
    [supervisor("git.example", 3000, own), supervisor("git.example", 80, own)].map(({ allowed }) => allowed),
  ).toEqual([true, false]);
  expect(supervisor("git.example", 80, { repo: "http://git.example/a/b", githubApi: null })).toMatchObject({
    allowed: true,
  });
  const address = { repo: "https://[::1]:3000/a/b", githubApi: null };
  expect(supervisor("[::1]", 3000, address)).toMatchObject({ allowed: true });
});

test("a supervisor whose repository is a folder reaches nothing", () => {
  expect(supervisor("", 443, { repo: "file:///srv/a.git", githubApi: null })).toMatchObject({
    allowed: false,
    message: expect.stringContaining("reaches nothing"),
  });
});
