import { expect, test } from "vitest";
import { DEFAULT_DOCKER_HOST, engineSocketPath } from "./engine-address.ts";

test("the engine's address is a Unix socket's, and nothing else", () => {
  expect(engineSocketPath(DEFAULT_DOCKER_HOST)).toBe("/var/run/docker.sock");
  expect(engineSocketPath("unix:///run/user/1000/docker.sock")).toBe("/run/user/1000/docker.sock");
  for (const address of [
    "tcp://127.0.0.1:2375",
    "ssh://host",
    "npipe:////./pipe/docker_engine",
    "/var/run/docker.sock",
  ])
    expect(() => engineSocketPath(address)).toThrow(`HIVE_DOCKER_HOST is "${address}"`);
  for (const address of ["", "unix://", "unix://relative.sock"])
    expect(() => engineSocketPath(address)).toThrow("unix:///");
});
