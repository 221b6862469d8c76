import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadCliConfig } from "./config.ts";
import { createContext } from "./context.ts";
import { createOutput, duration, plain, table } from "./output.ts";

describe("what the command writes", () => {
  it("aligns columns by the widest cell and leaves no spaces at the ends", () => {
    expect(
      table(
        ["JOB", "STATUS"],
        [
          ["a", "queued"],
          ["longer", "ok"],
        ],
      ),
    ).toBe("JOB     STATUS\na       queued\nlonger  ok");
  });

  it("takes everything out of a job's text that could steer a terminal", () => {
    expect(plain("\u001b[31mred\u001b[0m \u001b]8;;http://evil\u0007link\u001b]8;;\u0007\u0008\u009b2J")).not.toMatch(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/,
    );
    expect(plain("two\nlines")).toBe("two\nlines");
  });

  it("says how long something took in a unit a person reads", () => {
    expect([850, 12_300, 240_000].map(duration)).toEqual(["850 ms", "12.3 s", "4 min"]);
  });
});

describe("where the command finds the server", () => {
  it("takes the environment first, then what the server's first start wrote", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hive-cli-"));
    try {
      await mkdir(join(folder, "data"));
      await writeFile(
        join(folder, "data", "secrets.env"),
        "# made by Hive\nexport INTERNAL_API_TOKEN=from_the_file\nexport OTHER=x\n",
      );
      const file = loadCliConfig({ HIVE_DATA: join(folder, "data"), HIVE_PORT: "9000" });
      expect(file).toMatchObject({ token: "from_the_file", url: "http://localhost:9000" });
      const env = loadCliConfig({
        HIVE_DATA: join(folder, "data"),
        INTERNAL_API_TOKEN: "new,old",
        HIVE_URL: "http://hive.example/",
      });
      expect(env).toMatchObject({ token: "new", url: "http://hive.example" });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("says which command gives a token when there is none", () => {
    const config = loadCliConfig({ HIVE_DATA: "nowhere" });
    expect(() => createContext(config, createOutput(false)).hive()).toThrow("source nowhere/secrets.env");
  });
});
