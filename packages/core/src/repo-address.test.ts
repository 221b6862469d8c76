import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRepoAddress, type RepoAddressRules, showAddress } from "./repo-address.ts";

const strict: RepoAddressRules = { allowFile: false, allowPlainHttp: () => false };
const open: RepoAddressRules = { allowFile: true, allowPlainHttp: (host) => host === "10.0.0.5" || host === "::1" };

function refusal(raw: string, rules = strict): { code: string; message: string } {
  const read = parseRepoAddress(raw, rules);
  if (read.ok) throw new Error(`taken: ${read.url}`);
  return read;
}

describe("an address that is taken", () => {
  it.each([
    ["https://github.com/acme/app", "https://github.com/acme/app", "github.com/acme/app"],
    ["https://GitHub.com/Acme/App.git/", "https://github.com/Acme/App", "github.com/acme/app"],
    ["https://www.github.com/acme/app", "https://github.com/acme/app", "github.com/acme/app"],
    [
      "https://gitlab.example.com/group/sub/app.git",
      "https://gitlab.example.com/group/sub/app.git",
      "gitlab.example.com/group/sub/app",
    ],
    ["https://git.example.com:8443/app", "https://git.example.com:8443/app", "git.example.com:8443/app"],
    ["https://git.example.com:443/app", "https://git.example.com/app", "git.example.com/app"],
    [
      "https://dev.azure.com/org/My%20Project/_git/app",
      "https://dev.azure.com/org/My%20Project/_git/app",
      "dev.azure.com/org/My%20Project/_git/app",
    ],
  ])("%s becomes %s", (raw, url, key) => {
    expect(parseRepoAddress(raw, strict)).toMatchObject({ ok: true, kind: "https", url, key });
  });

  it("is a folder or plain http only where the operator allows it", () => {
    expect(parseRepoAddress("file:///srv/git/app.git", open)).toMatchObject({
      kind: "file",
      path: "srv/git/app.git",
      url: "file:///srv/git/app.git",
    });
    expect(parseRepoAddress("http://10.0.0.5:3000/a/b.git", open)).toMatchObject({
      kind: "http",
      host: "10.0.0.5:3000",
      path: "a/b",
    });
    expect(parseRepoAddress("http://[::1]:3000/a", open)).toMatchObject({ kind: "http", host: "[::1]:3000" });
    expect(refusal("http://10.0.0.6/a/b", open).code).toBe("http_not_allowed");
    expect(refusal("http://github.com/a/b", { ...open, allowPlainHttp: () => true }).code).toBe("http_not_allowed");
  });

  it("gives plain http a host that no other spelling of an IP address can hide", () => {
    const asked: string[] = [];
    parseRepoAddress("http://0x7f.1/a", { allowFile: false, allowPlainHttp: (host) => asked.push(host) < 0 });
    expect(asked).toEqual(["127.0.0.1"]);
  });
});

describe("an address that is refused", () => {
  it.each([
    ["", "empty"],
    ["   ", "empty"],
    ["--upload-pack=touch${IFS}x", "bad_characters"],
    ["--upload-pack=x", "option"],
    ["-u", "option"],
    ["ext::sh -c whoami", "bad_characters"],
    ["ext::sh", "scheme"],
    ["fd::17", "scheme"],
    ["file:///etc", "file_not_allowed"],
    ["FILE:///etc", "file_not_allowed"],
    ["git://github.com/a/b", "scheme"],
    ["ftp://host/a", "scheme"],
    ["javascript://x/y", "scheme"],
    ["git@github.com:acme/app.git", "ssh"],
    ["ssh://git@host:22/a/b", "ssh"],
    ["git+ssh://git@host/a", "ssh"],
    ["github.com:a/b", "ssh"],
    ["github.com/a/b", "no_scheme"],
    ["acme/app", "no_scheme"],
    ["/srv/git/app", "no_scheme"],
    ["../x", "no_scheme"],
    ["https://github.com", "path"],
    ["https://github.com/acme", "path"],
    ["https://github.com/acme/app/tree/main", "path"],
    ["https://host/", "path"],
    ["https://host/.git", "path"],
    ["https://host/a/.git", "path"],
    ["https://host/../a", "path"],
    ["https://host/a/%2e%2e/b", "path"],
    ["https://host/a%2fb", "path"],
    ["https://host/a%00", "path"],
    ["https://host/a//b", "path"],
    ["https://host/a/-b", "path"],
    ["https://host/a?b=c", "query"],
    ["https://host/a#b", "query"],
    ["https://user:secret@host/a", "credentials"],
    ["https://@host/a", "credentials"],
    ["https://host/a b", "bad_characters"],
    ["https://host/a\nb", "bad_characters"],
    ["https://host/a\u202eb", "bad_characters"],
    ["https:///", "host"],
    [`https://host/${"a".repeat(2048)}`, "too_long"],
  ])("%j: %s", (raw, code) => {
    expect(refusal(raw).code).toBe(code);
  });

  it.each(["file://host/srv/a", "file:////srv/a", "file:///srv/../etc", "file:///", "file:///a?b", "file:///a%20b"])(
    "even where folders are allowed: %s",
    (raw) => {
      expect(refusal(raw, open).code).toBe("path");
    },
  );

  it("says what to write instead", () => {
    expect(refusal("git@github.com:acme/app.git").message).toContain("write https://github.com/acme/app ");
    expect(refusal("ssh://git@git.example.com:2222/acme/app.git").message).toContain(
      "write https://git.example.com/acme/app ",
    );
    expect(refusal("acme/app").message).toContain("https://github.com/acme/app");
    expect(refusal("https://github.com/acme/app/pull/3").message).toContain("write https://github.com/acme/app,");
    expect(refusal("file:///srv/a").message).toContain("HIVE_ALLOW_FILE_REPOS=1");
    expect(refusal("https://x:y@host/a").message).toContain("githubToken");
  });

  it("never shows the credentials that were in it", () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9_@:-]{8,20}$/);
    const shapes = fc.constantFrom(
      "https://u:S@host/a",
      "https://S@host/a",
      "http://u:S@host/a b",
      "ssh://S@host/a",
      "u:S@host:a/b",
      "https:u:S@host/a",
      "ext::S@host/a",
      "https://u:S@",
      "https://u:S/x@host/a",
      "https://host/a?token=S",
      "https://host/a#S",
    );
    fc.assert(
      fc.property(shapes, secret, (shape, value) => {
        const token = `canary${value}`;
        expect(refusal(shape.replace("S", token)).message).not.toContain(token);
        expect(showAddress(shape.replace("S", token))).not.toContain(token);
      }),
    );
  });
});

describe("any text at all", () => {
  it("is taken or refused, never thrown at, and what is taken reads as itself again", () => {
    const pieces = fc.constantFrom(
      "https://",
      "http://",
      "file:///",
      "ext::",
      "@",
      ":",
      "/",
      "..",
      "a",
      "github.com",
      ".git",
      "?",
      "#",
      "%2e",
      "-",
      "[::1]",
      "\\",
      " ",
      "é",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(pieces, { maxLength: 9 }).map((parts) => parts.join("")),
      fc.webUrl(),
    );
    const all: RepoAddressRules = { allowFile: true, allowPlainHttp: () => true };
    fc.assert(
      fc.property(text, (raw) => {
        const read = parseRepoAddress(raw, all);
        if (!read.ok) return;
        expect(read.url).toMatch(/^(https?:\/\/[^/@]+|file:\/\/)\/[^/]/);
        expect(parseRepoAddress(read.url, all)).toEqual(read);
      }),
      { numRuns: 1000 },
    );
  });
});
