import { expect, test } from "vitest";
import { createGuard, type CheckOptions, type Guard } from "./guard.ts";

const CALLBACK: CheckOptions = { what: "callback" };
const REPOSITORY: CheckOptions = { what: "repository" };

const closed = createGuard({ allowPrivate: [] });

function reasonOf(guard: Guard, raw: string, options: CheckOptions = CALLBACK): string {
  const check = guard.checkUrl(raw, options);
  return check.ok ? `ok ${check.url.href}` : check.reason;
}

for (const host of [
  "127.0.0.1",
  "127.1",
  "2130706433",
  "0x7f.1",
  "017700000001",
  "127.0.0.1.",
  "１２７.0.0.1",
  "0",
  "localhost",
  "LOCALHOST.",
  "app.localhost",
  "[::1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[::127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[2002:7f00:1::]",
  "[fd00::1]",
  "100.64.0.1",
  "192.0.0.8",
  "198.18.0.1",
  "169.254.169.254",
]) {
  test(`a callback to ${host} is refused and the message names the setting`, () => {
    const check = closed.checkUrl(`http://${host}:8080/hook`, CALLBACK);
    expect(check).toMatchObject({ ok: false, code: "invalid_field", reason: "private_address" });
    expect(check.ok ? "" : check.message).toMatch(/HIVE_ALLOW_PRIVATE_ADDRESSES=[0-9a-f.:]+\/(32|128)/);
  });
}

test("the message of a refusal can be pasted: the suggested range allows the address", () => {
  const check = closed.checkUrl("http://[::ffff:10.1.2.3]/", CALLBACK);
  const range = /HIVE_ALLOW_PRIVATE_ADDRESSES=(\S+)/.exec(check.ok ? "" : check.message)?.[1] ?? "";
  expect(reasonOf(createGuard({ allowPrivate: [range] }), "http://10.1.2.3/")).toBe("ok http://10.1.2.3/");
});

test("public addresses and names pass, normalised", () => {
  expect(reasonOf(closed, "HTTPS://Hooks.Example.com:443/a/../b?c=d")).toBe("ok https://hooks.example.com/b?c=d");
  expect(reasonOf(closed, "http://93.184.216.34/x")).toBe("ok http://93.184.216.34/x");
});

test("what is not plainly an http address is refused with the reason", () => {
  expect(reasonOf(closed, "ftp://example.com/")).toBe("scheme");
  expect(reasonOf(closed, "file:///etc/passwd")).toBe("scheme");
  expect(reasonOf(closed, "//example.com/")).toBe("scheme");
  expect(reasonOf(closed, "http:example.com")).toBe("scheme");
  expect(reasonOf(closed, "git@github.com:a/b.git")).toBe("scheme");
  expect(reasonOf(closed, "ext::sh -c id")).toBe("malformed");
  expect(reasonOf(closed, "http://exa\nmple.com/")).toBe("malformed");
  expect(reasonOf(closed, " http://example.com/")).toBe("malformed");
  expect(reasonOf(closed, "http://example.com\\@evil.example/")).toBe("malformed");
  expect(reasonOf(closed, "http://")).toBe("malformed");
  expect(reasonOf(closed, "http://1.2.3.4.5/")).toBe("malformed");
  expect(reasonOf(closed, `https://example.com/${"a".repeat(2048)}`)).toBe("malformed");
  expect(reasonOf(closed, "https://example.com/#there")).toBe("fragment");
  expect(reasonOf(closed, "https://example.com/#")).toBe("fragment");
});

test("credentials are refused, even empty ones, and never repeated", () => {
  for (const raw of [
    "https://bob:hunter2@example.com/",
    "https://bob@example.com/",
    "https://@example.com/",
    "https://:@e.x/",
  ]) {
    const check = closed.checkUrl(raw, CALLBACK);
    expect(check).toMatchObject({ ok: false, reason: "credentials" });
    expect(JSON.stringify(check)).not.toContain("hunter2");
  }
});

test("an address the operator wrote may be private, but not malformed", () => {
  const trusted = { what: "callback", trusted: true } as const;
  expect(reasonOf(closed, "http://127.0.0.1:3000/", trusted)).toBe("ok http://127.0.0.1:3000/");
  expect(reasonOf(closed, "http://a:b@127.0.0.1:3000/", trusted)).toBe("credentials");
});

test("an allowed range lets its addresses through and no others", () => {
  const guard = createGuard({ allowPrivate: ["127.0.0.0/8"] });
  expect(reasonOf(guard, "http://127.0.0.1:3000/")).toBe("ok http://127.0.0.1:3000/");
  expect(reasonOf(guard, "http://localhost:3000/")).toBe("ok http://localhost:3000/");
  expect(reasonOf(guard, "http://[::ffff:127.0.0.1]/")).toBe("ok http://[::ffff:7f00:1]/");
  expect(reasonOf(guard, "http://[::1]/")).toBe("private_address");
  expect(reasonOf(guard, "http://10.0.0.1/")).toBe("private_address");
});

test("plain http repositories come only from named private addresses", async () => {
  const guard = createGuard({
    allowPrivate: ["10.0.0.0/8", "127.0.0.0/8"],
    resolve: (host) =>
      host === "git.lan"
        ? Promise.resolve([{ address: "10.0.0.5", family: 4 }])
        : host === "git.example"
          ? Promise.resolve([{ address: "1.1.1.1", family: 4 }])
          : Promise.reject(new Error("ENOTFOUND")),
  });
  const check = async (raw: string) => {
    const result = await guard.checkAddress(raw, REPOSITORY);
    return result.ok ? "ok" : result.reason;
  };
  expect(await check("http://10.0.0.5/a.git")).toBe("ok");
  expect(await check("http://localhost:3000/a.git")).toBe("ok");
  expect(await check("http://git.lan/a.git")).toBe("ok");
  expect(await check("http://1.1.1.1/a.git")).toBe("insecure");
  expect(await check("http://git.example/a.git")).toBe("insecure");
  expect(await check("http://nowhere.example/a.git")).toBe("unresolved");
  expect(await check("https://nowhere.example/a.git")).toBe("ok");
  expect(await check("https://git.example/a.git")).toBe("ok");
});

test("a name with one private answer among public ones is refused", async () => {
  const guard = createGuard({
    allowPrivate: [],
    resolve: () =>
      Promise.resolve([
        { address: "1.1.1.1", family: 4 },
        { address: "10.0.0.5", family: 4 },
      ]),
  });
  const check = await guard.checkAddress("https://mixed.example/", CALLBACK);
  expect(check).toMatchObject({ ok: false, reason: "private_address" });
  expect(check.ok ? "" : check.message).toContain("mixed.example (10.0.0.5)");
});

test("an operator's address is not resolved", async () => {
  const guard = createGuard({ allowPrivate: [], resolve: () => Promise.reject(new Error("asked")) });
  const check = await guard.checkAddress("http://backend.internal/", { what: "callback", trusted: true });
  expect(check.ok).toBe(true);
});
