import { expect, test } from "vitest";
import { hasOpenNetwork, isolationOf } from "./isolation.ts";

test("a container counts only with a user of its own for jobs, and says when its network is open", () => {
  const word = (contained: boolean, hasUser: boolean, hasNetwork: boolean) =>
    isolationOf({ contained, hasUser, hasNetwork });
  expect([word(true, true, false), word(true, true, true)]).toEqual(["container", "container (open network)"]);
  expect([word(false, true, true), word(false, true, false)]).toEqual(["user", "user"]);
  expect([word(true, false, false), word(false, false, true)]).toEqual(["none", "none"]);
});

test("loopback alone is no network", () => {
  const address = { address: "x", netmask: "x", family: "IPv4", mac: "x", cidr: null } as const;
  expect(hasOpenNetwork({ lo: [{ ...address, internal: true }] })).toBe(false);
  expect(hasOpenNetwork({ lo: [{ ...address, internal: true }], eth0: [{ ...address, internal: false }] })).toBe(true);
  expect(hasOpenNetwork({})).toBe(false);
});
