import { expect, test } from "vitest";
import { ConfigError, readConfig } from "./config.ts";

const SECRET = "a-secret-of-thirty-two-characters";

test("a worker with an address and a secret needs nothing else", () => {
  const config = readConfig({ HIVE_URL: "http://127.0.0.1:8099/", CALLBACK_SECRET: SECRET });
  expect(config).toMatchObject({
    dispatcherUrls: ["http://127.0.0.1:8099"],
    credential: { kind: "secret", secret: SECRET },
    roles: [],
    slot: 0,
    provider: "manual",
  });
  expect(config.name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*-1$/);
});

test("every problem is told at once, and no value of a secret is repeated", () => {
  const attempt = (): unknown =>
    readConfig({ HIVE_URL: "localhost", HIVE_ROLES: "a b", HIVE_WORKER_SLOT: "-1", CALLBACK_SECRET: "short" });
  expect(attempt).toThrow(ConfigError);
  try {
    attempt();
  } catch (error) {
    const text = String(error);
    for (const name of ["HIVE_URL", "HIVE_ROLES", "HIVE_WORKER_SLOT", "CALLBACK_SECRET"]) expect(text).toContain(name);
    expect(text).not.toContain("short\n");
  }
});

test("a worker with a socket needs no address; it takes its secret from a file, and its gateway by the socket", () => {
  const config = readConfig({ HIVE_SOCKET: "/run/hive/server/dispatcher.sock", CALLBACK_SECRET_FILE: "/run/secret" });
  expect(config).toMatchObject({
    sockets: ["/run/hive/server/dispatcher.sock"],
    credential: { kind: "file", files: ["/run/secret"] },
    llmUrl: null,
    oneShot: false,
    contactFile: null,
    image: null,
    log: "text",
  });
  expect(() => readConfig({ CALLBACK_SECRET: SECRET })).toThrow(/HIVE_URL: set it to the dispatcher's address/);
});

test("a server with replicas has several addresses or sockets, separated by commas", () => {
  const secret = { CALLBACK_SECRET: SECRET };
  expect(readConfig({ HIVE_URL: "http://a:1/, https://b.example/hive", ...secret }).dispatcherUrls).toEqual([
    "http://a:1",
    "https://b.example/hive",
  ]);
  expect(readConfig({ HIVE_SOCKET: "/run/a.sock,/run/b.sock", ...secret }).sockets).toEqual([
    "/run/a.sock",
    "/run/b.sock",
  ]);
  expect(
    readConfig({ HIVE_URL: "http://a:1", CALLBACK_SECRET_FILE: "/run/1/secret, /run/2/secret" }).credential,
  ).toEqual({
    kind: "file",
    files: ["/run/1/secret", "/run/2/secret"],
  });
  expect(() => readConfig({ HIVE_URL: "http://a:1,b", ...secret })).toThrow("HIVE_URL.1: must be an address");
  expect(() => readConfig({ HIVE_SOCKET: "/run/a.sock,", ...secret })).toThrow("HIVE_SOCKET.1: must be a path");
});

test("the secrets leave the environment, so that no child inherits them", () => {
  const env: NodeJS.ProcessEnv = {
    HIVE_URL: "http://h:1",
    CALLBACK_SECRET: SECRET,
    HIVE_LAUNCH_TOKEN: "launch-token-launch-token",
  };
  expect(readConfig(env).credential.kind).toBe("launch");
  expect(env).toEqual({ HIVE_URL: "http://h:1" });
});

test("a worker without any credential is told where to find one", () => {
  expect(() => readConfig({ HIVE_URL: "http://h:1", CALLBACK_SECRET: "" })).toThrow(/source hive-data\/secrets.env/);
});
