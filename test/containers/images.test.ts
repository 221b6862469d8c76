// What the images promise: small, closed to everybody but root, without a secret, and named by what is in them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { checkout } from "../../scripts/checkout.ts";
import { buildImage } from "../../scripts/images.ts";
import { BASE_IMAGE } from "./engine/base-image.ts";
import { engineJson } from "./engine/engine-api.ts";
import type { TestEngine } from "./global-setup.ts";

const given = inject("engine");

interface Image {
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Healthcheck?: { readonly Test: readonly string[] };
  };
}

describe.skipIf("missing" in given)("images (need a Docker Engine)", () => {
  const engine = given as TestEngine;
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: "0" };
  const image = (name: string): Promise<Image> => engineJson(engine.socket, "GET", `/images/${name}/json`);
  /** What a shell inside a new container prints; the container is closed as compose closes it. */
  const inside = (name: string, script: string, ...more: string[]): string =>
    execFileSync(
      "docker",
      [
        "run",
        "--rm",
        "--read-only",
        "--network",
        "none",
        "--cap-drop",
        "ALL",
        ...more,
        "--entrypoint",
        "sh",
        name,
        "-ec",
        script,
      ],
      { env, encoding: "utf8" },
    ).trim();

  describe.each(["workerImage", "dispatcherImage"] as const)("%s", (which) => {
    const name = engine[which];

    it("holds the code where nobody but root may change it, without tests and development packages", () => {
      const find = (rest: string): string => inside(name, `find /opt/hive ${rest}`);
      expect(find("\\( ! -user root -o ! -group root -o -perm /022 \\) ! -type l")).toBe("");
      expect(find("-type d ! -perm -005")).toBe("");
      expect(find("-name '*.test.ts' -not -path '*/node_modules/*'")).toBe("");
      expect(find("-maxdepth 2 -name typescript -o -maxdepth 2 -name node")).toBe("");
    });

    it("has no secret: neither in its environment nor in a file", async () => {
      const { Config } = await image(name);
      expect(Config.Env.filter((line) => /^\w*(TOKEN|SECRET|KEYS?)=/.test(line))).toEqual([]);
      expect(
        inside(
          name,
          "find / -xdev -name secrets.env -o -xdev -name callback-secret -o -xdev -name .env",
          "--user",
          "0",
          "--cap-add",
          "DAC_OVERRIDE",
        ),
      ).toBe("");
    });

    it("starts its program itself, so that signals reach it, and says how it is", async () => {
      const { Config } = await image(name);
      expect(Config.Entrypoint).toEqual(["node", expect.stringMatching(/^\/opt\/hive\/apps\/\w+\/src\/main\.ts$/)]);
      expect(Config.Healthcheck?.Test[0]).toBe("CMD");
    });

    it("names the code in it", () => {
      const sum =
        "find apps packages package-lock.json -type f -not -path '*/node_modules/*' -print0 | LC_ALL=C sort -z";
      const counted = inside(name, `cd /opt/hive; ${sum} | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1`);
      expect(inside(name, "cat /opt/hive/build-id")).toBe(counted);
    });
  });

  it("the worker has the tools of usual jobs, and every agent's user has a name", () => {
    const tools = "git ssh curl jq rg python3 g++ make unzip xz ps setpriv unshare node npm";
    expect(
      inside(engine.workerImage, `for tool in ${tools}; do command -v $tool > /dev/null || echo $tool; done`),
    ).toBe("");
    expect(inside(engine.workerImage, "whoami; python3 -m venv --help > /dev/null", "--user", "20007:20007")).toBe(
      "agent-7",
    );
    expect(inside(engine.workerImage, "stat -c %a:%u /run/hive")).toBe("700:0");
  });

  it("the dispatcher runs as a user without rights, whose folders new volumes take over", async () => {
    expect((await image(engine.dispatcherImage)).Config.User).toBe("10000:0");
    const folders = "/var/lib/hive /run/hive /var/lib/hive-mirrors";
    expect(inside(engine.dispatcherImage, `stat -c '%n %a %u:%g' ${folders}`).split("\n")).toEqual([
      "/var/lib/hive 700 10000:0",
      "/run/hive 755 10000:0",
      "/var/lib/hive-mirrors 711 10000:0",
    ]);
    expect(inside(engine.dispatcherImage, "hive --version 2>&1 || hive --help")).toContain("hive");
  });

  it("the dispatcher has the pages of the web UI, and neither what they are made of nor what made them", () => {
    const see = (script: string): string[] => inside(engine.dispatcherImage, script).split("\n");
    expect(see("ls -A /opt/hive/apps/web")).toEqual(["dist", "package.json"]);
    expect(see("ls /opt/hive/apps/web/dist")).toEqual(expect.arrayContaining(["assets", "index.html"]));
    expect(see("find /opt/hive -name '*.tsx' -o -name tailwindcss -o -name 'react-dom' -o -name vite")).toEqual([""]);
    expect(inside(engine.workerImage, "ls /opt/hive/apps")).toBe("worker");
  });

  /** The image's own health check as a line of shell. */
  const healthOf = async (name: string): Promise<string> => {
    const { Healthcheck } = (await image(name)).Config;
    return (Healthcheck?.Test ?? [])
      .slice(1)
      .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
      .join(" ");
  };

  it("a worker is well as long as its server answered within the last minute and a half", async () => {
    const health = await healthOf(engine.workerImage);
    const look = (before: string): string =>
      inside(
        engine.workerImage,
        `${before}\nif ${health}; then echo well; else echo not well; fi`,
        ...["--tmpfs", "/run/hive"],
      );
    expect(look("")).toBe("not well");
    expect(look("touch $HIVE_CONTACT_FILE")).toBe("well");
    expect(look("touch -d '80 seconds ago' $HIVE_CONTACT_FILE")).toBe("well");
    expect(look("touch -d '2 minutes ago' $HIVE_CONTACT_FILE")).toBe("not well");
  });

  it("a dispatcher is well when it is ready, on whatever port it listens", async () => {
    const health = await healthOf(engine.dispatcherImage);
    const answering = (status: number): string =>
      inside(
        engine.dispatcherImage,
        `node -e 'require("node:http").createServer((request, answer) => answer.writeHead(request.url === "/health/ready" ? ${status} : 404).end()).listen(8111, () => console.log("up"))' > /tmp/out &
         until grep -q up /tmp/out; do :; done
         if ${health}; then echo well; else echo not well; fi`,
        ...["--tmpfs", "/tmp", "--env", "HIVE_PORT=8111"],
      );
    expect(answering(200)).toBe("well");
    expect(answering(503)).toBe("not well");
    expect(inside(engine.dispatcherImage, `if ${health} 2> /dev/null; then echo well; else echo not well; fi`)).toBe(
      "not well",
    );
  });

  it("a lock file that changed is all that makes npm run again: code is copied after it", () => {
    for (const kind of ["worker", "dispatcher"]) {
      const lines = readFileSync(join(checkout, `docker/${kind}.Dockerfile`), "utf8").split("\n");
      const at = (text: string): number => lines.findIndex((line) => line.startsWith(text));
      expect(at("RUN npm ci")).toBeGreaterThan(at("COPY --from=source /manifests"));
      expect(at("COPY --from=source /source/packages")).toBeGreaterThan(at("RUN npm ci"));
    }
  });

  it("an agent CLI goes in by a build argument, pinned, and the agent's user can run it", async () => {
    const name = "hive-worker:test-agents";
    const args = { BASE_IMAGE, BUILD_TOOLS: "0" };
    try {
      await buildImage("worker", { name, args: { ...args, AGENTS: "semver@7.7.3" }, env, quiet: true });
      expect(inside(name, "semver 1.2.3; command -v g++ || echo no compiler", "--user", "20000:20000")).toBe(
        "1.2.3\nno compiler",
      );
      const floating = buildImage("worker", { name, args: { ...args, AGENTS: "semver@latest" }, env, quiet: true });
      await expect(floating).rejects.toThrow(/docker build/);
    } finally {
      execFileSync("docker", ["image", "rm", "--force", name], { env, stdio: "ignore" });
    }
  });
});
