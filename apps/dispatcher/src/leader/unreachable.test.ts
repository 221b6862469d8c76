import { expect, it } from "vitest";
import { createUnreachable, whyUnreachable } from "./unreachable.ts";

const failure = (code: string): Error => Object.assign(new Error("what Node says"), { code });
const QUEEN = "https://one.example";

it("a certificate of an unknown authority is told with the setting that names one, anything else by its code", () => {
  expect(whyUnreachable(failure("SELF_SIGNED_CERT_IN_CHAIN"))).toContain("NODE_EXTRA_CA_CERTS");
  expect(whyUnreachable(failure("ECONNREFUSED"))).toBe("it cannot be reached (ECONNREFUSED)");
  expect(whyUnreachable(new Error("the handshake took too long"))).toContain("the handshake took too long");
});

it("each reason is said once, and again when it comes back after the queen was reached", () => {
  const said: string[] = [];
  const unreachable = createUnreachable((message) => said.push(message));
  unreachable.failed(QUEEN, failure("ECONNREFUSED"));
  unreachable.failed(QUEEN, failure("ECONNREFUSED"));
  expect(said).toHaveLength(1);
  expect(unreachable.why(QUEEN)).toContain("ECONNREFUSED");
  expect(unreachable.why("https://another.example")).toBeNull();
  unreachable.failed(QUEEN, failure("CERT_HAS_EXPIRED"));
  expect(said[1]).toContain("CERT_HAS_EXPIRED");
  unreachable.reached(QUEEN);
  expect(unreachable.why(QUEEN)).toBeNull();
  unreachable.failed(QUEEN, failure("CERT_HAS_EXPIRED"));
  expect(said).toHaveLength(3);
});
