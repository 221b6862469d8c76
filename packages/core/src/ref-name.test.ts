import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkBranchName, defaultBranchName, salvageBranchName } from "./ref-name.ts";

/** What git itself says: the name it would use, or null. */
function askGit(name: string): string | null {
  const asked = spawnSync("git", ["check-ref-format", "--branch", name], {
    cwd: "/",
    env: { PATH: process.env.PATH ?? "", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C.UTF-8" },
    encoding: "utf8",
  });
  return asked.status === 0 ? asked.stdout.replace(/\n$/, "") : null;
}

/** Where we refuse what git takes, on purpose. */
function isStricterHere(name: string): boolean {
  return name === "@" || name.startsWith("refs/") || Buffer.byteLength(name) > 244;
}

const tricky = fc.stringMatching(
  /^(?:[-a/.@{}~^:?*[\\ \u0001\u007fé]|\.lock|HEAD|refs\/|refs\/heads\/|\.\.|@\{|\/\/){1,8}$/,
);
const anyName = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });

describe("a branch name", () => {
  it.each(["main", "ci/demo", "hive/demo-1", "feature/ÄÖ", "a@b", "x{y}", "v1.2", "lock", "HEADS", "a/-b", "x=1,y&z"])(
    "may be %s",
    (name) => {
      expect(checkBranchName(name)).toEqual({ ok: true, name, ref: `refs/heads/${name}` });
    },
  );

  it.each([
    "",
    "-x",
    "--upload-pack=touch x",
    "../../x",
    "refs/heads/../x",
    "refs/heads/x",
    "refs/tags/v1",
    "HEAD",
    "@",
    "@{-1}",
    "a..b",
    "a.lock",
    "a.lock/b",
    "a/.b",
    ".a",
    "a.",
    "/a",
    "a/",
    "a//b",
    "a b",
    "a\nb",
    "a\u0000b",
    "a\u007f",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[b",
    "a\\b",
    "a@{0}",
    "x".repeat(245),
    "\ud800",
  ])("may not be %j", (name) => {
    expect(checkBranchName(name).ok).toBe(false);
  });

  it("is judged as git judges it, for any text", () => {
    fc.assert(
      fc.property(fc.oneof(tricky, anyName), (name) => {
        fc.pre(!name.includes("\0") && name.isWellFormed());
        const ours = checkBranchName(name);
        const git = askGit(name);
        if (ours.ok) expect(git).toBe(name);
        else if (!isStricterHere(name)) expect(git).toBeNull();
      }),
      { numRuns: 400 },
    );
  });

  it("is refused in one line that shows no control characters", () => {
    const refused = checkBranchName("a\u001b[31m\nb");
    expect(refused.ok ? "" : refused.message).toMatch(/^branch "a\?\[31m\?b" /);
  });
});

describe("the branch of a job", () => {
  it("is hive/<jobId> when the id can be a branch", () => {
    expect(defaultBranchName("demo-1")).toBe("hive/demo-1");
    expect(salvageBranchName("demo-1", 3)).toBe("hive/salvage/demo-1/3");
  });

  it("is always a name git takes, and never that of another job", () => {
    const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/);
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 2, maxLength: 2 }), ([one = "", two = ""]) => {
        expect(checkBranchName(defaultBranchName(one)).ok).toBe(true);
        expect(checkBranchName(salvageBranchName(one, 12)).ok).toBe(true);
        expect(defaultBranchName(one)).not.toBe(defaultBranchName(two));
      }),
    );
    expect(checkBranchName(defaultBranchName("a..b.lock")).ok).toBe(true);
    expect(defaultBranchName("a:b")).not.toBe(defaultBranchName("a-b"));
  });

  it("leaves room for the salvage branches beside it", () => {
    expect(defaultBranchName("salvage")).not.toBe("hive/salvage");
  });
});
