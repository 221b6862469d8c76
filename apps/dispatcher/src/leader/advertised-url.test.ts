import { hostname } from "node:os";
import { expect, it } from "vitest";
import { advertisedUrl } from "./advertised-url.ts";

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
