import { hostname } from "node:os";
import { expect, it } from "vitest";
import { advertisedUrl, reachProblem } from "./advertised-url.ts";

it.each([
  ["127.0.0.1", "http://127.0.0.1:8099"],
  ["localhost", "http://127.0.0.1:8099"],
  ["::1", "http://[::1]:8099"],
  ["10.1.2.3", "http://10.1.2.3:8099"],
  ["0.0.0.0", `http://${hostname()}:8099`],
  ["::", `http://${hostname()}:8099`],
])("listening on %s, a dispatcher is reached at %s", (host, url) => {
  expect(advertisedUrl(host, 8099)).toBe(url);
});

it("warns of an address that leads nowhere on other machines, where the store can have some", () => {
  for (const url of ["http://127.0.0.1:8099", "http://localhost:8099", "http://[::1]:8099"]) {
    expect(reachProblem(url, "redis://redis:6379")).toContain("HIVE_ADVERTISE_URL");
    expect(reachProblem(url, "redis://:secret@127.0.0.1:6379/2")).toBeNull();
  }
  expect(reachProblem("http://hive-1:8099", "rediss://redis.example.com")).toBeNull();
});
