import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { egressMatch, isEgressEntry, normalHost, parsePlace, REGISTRIES } from "./egress-rule.ts";

const allows = (list: readonly string[], host: string, port = 443) => egressMatch(list, { host, port }) !== null;

describe("the normal form of a host", () => {
  test("is one for every spelling of a name", () => {
    const spellings = ["registry.npmjs.org", "Registry.NPMJS.org", "registry.npmjs.org.", "ｒegistry.npmjs.org"];
    expect(spellings.map(normalHost)).toEqual(spellings.map(() => "registry.npmjs.org"));
    expect(normalHost("bücher.example")).toBe("xn--bcher-kva.example");
    expect(normalHost("BÜCHER.example。")).toBe("xn--bcher-kva.example");
    expect(normalHost("under_score.example")).toBe("under_score.example");
  });

  test("is one for every spelling of an address", () => {
    const loopback = [
      "127.0.0.1",
      "127.1",
      "0x7f.1",
      "0177.0.0.1",
      "2130706433",
      "0x7f000001",
      "127.0.0.1.",
      "１２７.1",
    ];
    expect(loopback.map(normalHost)).toEqual(loopback.map(() => "127.0.0.1"));
    const six = ["[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]"];
    expect(six.map(normalHost)).toEqual(six.map(() => "[::1]"));
    expect(normalHost("[::FFFF:127.0.0.1]")).toBe("[::ffff:7f00:1]");
  });

  test.each([
    ...[
      "",
      ".",
      "..",
      "a..b",
      ".a",
      "-",
      "a b",
      "a\tb",
      "a\0b",
      "a\nb",
      "a/b",
      "a?b",
      "a#b",
      "a@b",
      "a\\b",
      "a:1",
      "::1",
    ],
    ...[
      "[::1",
      "::1]",
      "[::1]x",
      "[fe80::1%25eth0]",
      "%61.example",
      "a%2eexample",
      "1.2.3.4.5",
      "256.1.1.1",
      "0x100000000",
    ],
    ...[
      "a\u200bb",
      `${"a".repeat(64)}.example`,
      `${"a.".repeat(130)}example`,
      "x".repeat(100_000),
      "*",
      "*.a",
      "a,b",
      "[a]",
    ],
  ])("none for %j", (text) => {
    // A zero width space is nothing to IDN: a host is never made by leaving out what was written.
    expect(normalHost(text)).toBeNull();
  });

  test("is its own normal form", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.domain(),
          fc.ipV4Extended(),
          fc.ipV6().map((ip) => `[${ip}]`),
          fc.string(),
        ),
        (text) => {
          const host = normalHost(text);
          if (host !== null) expect(normalHost(host)).toBe(host);
        },
      ),
    );
  });
});

describe("a place", () => {
  test("is a host and a port and nothing else", () => {
    expect(parsePlace("Example.com:443")).toEqual({ host: "example.com", port: 443 });
    expect(parsePlace("[::1]:8080")).toEqual({ host: "[::1]", port: 8080 });
    const none = [
      "example.com",
      "example.com:",
      ":443",
      "example.com:0",
      "example.com:65536",
      "example.com:443 ",
      "a:1:2",
    ];
    const more = ["http://a:1", "a@b:1", "a:-1", "a:1e2", "a:0x50", "::1:80", "a:443\r\n", "a:000443"];
    expect([...none, ...more].map(parsePlace)).toEqual([...none, ...more].map(() => null));
  });
});

describe("an egress list", () => {
  test("with a host allows that host alone, on the ports of the web", () => {
    const list = ["Example.COM."];
    expect([allows(list, "example.com"), allows(list, "example.com", 80), allows(list, "example.com", 22)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(["a.example.com", "example.com.evil.org", "notexample.com", "com"].some((host) => allows(list, host))).toBe(
      false,
    );
  });

  test("with a port allows that port alone", () => {
    const list = ["example.com:8443", "*.example.org:22", "10.1.2.3:5000", "[::1]:80"];
    expect([allows(list, "example.com", 8443), allows(list, "example.com")]).toEqual([true, false]);
    expect([allows(list, "git.example.org", 22), allows(list, "git.example.org")]).toEqual([true, false]);
    expect([allows(list, "10.1.2.3", 5000), allows(list, "[::1]", 80), allows(list, "[::1]")]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("with *.host allows what is below it, however deep, and not itself", () => {
    const list = ["*.example.com"];
    expect(["a.example.com", "a.b.example.com"].every((host) => allows(list, host))).toBe(true);
    expect(["example.com", "badexample.com", "example.com.evil"].some((host) => allows(list, host))).toBe(false);
    expect(allows(["*.2.3.4"], "1.2.3.4")).toBe(false);
  });

  test("with registries allows those in the list of registries, with * every host, both on the ports of the web", () => {
    expect(REGISTRIES.every((host) => allows(["registries"], host) && normalHost(host) === host)).toBe(true);
    expect(allows(["registries"], "github.com")).toBe(false);
    expect(allows(["registries"], "evil.registry.npmjs.org")).toBe(false);
    expect([allows(["*"], "anything.example"), allows(["*"], "anything.example", 8080)]).toEqual([true, false]);
    expect(allows([], "registry.npmjs.org")).toBe(false);
  });

  test("asks for the name in the greeting, except where another name would be allowed too", () => {
    const place = { host: "registry.npmjs.org", port: 443 };
    expect(egressMatch(["registries"], place)).toEqual({ verifyName: true });
    expect(egressMatch(["registries", "*"], place)).toEqual({ verifyName: false });
  });

  test.each([
    "",
    " ",
    "https://a.example",
    "a.example/path",
    "a:b",
    "*.",
    "**",
    "*.*",
    "a.*",
    "*a.example",
    "*:443",
    "*.1.2.3.4",
    "a.example:0",
    "::1",
    "registries:443",
  ])("refuses %j as an entry, and such an entry allows nothing", (entry) => {
    expect(isEgressEntry(entry)).toBe(false);
    expect(allows([entry], "a.example")).toBe(false);
  });

  test("allows no spelling of a host that is not on it", () => {
    const letters = fc.constantFrom(
      ..."aA.b-1:[]%*@/\\ \0Ａ。ß".split(""),
      "example",
      ".com",
      "evil",
      "xn--",
      "127",
      "0x7f",
    );
    const spelling = fc.array(letters, { maxLength: 12 }).map((parts) => parts.join(""));
    const entries = fc.subarray(["example.com", "*.example.org", "registries", "127.0.0.1:80", "a.b:8443"]);
    fc.assert(
      fc.property(spelling, fc.constantFrom(443, 80, 8443), entries, (text, port, list) => {
        const host = normalHost(text);
        if (host === null || egressMatch(list, { host, port }) === null) return;
        // Said again in other words: where would a browser go with this text?
        const where = new URL(`http://${text}:${port}/`).hostname.replace(/\.$/, "");
        expect(where).toBe(host);
        const named = list.some(
          (entry) =>
            entry === where ||
            entry === `${where}:${port}` ||
            (entry === "*.example.org" && where.endsWith(".example.org")) ||
            (entry === "registries" && REGISTRIES.includes(where)),
        );
        expect(named).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});
