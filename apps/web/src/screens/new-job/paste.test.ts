import { describe, expect, it } from "vitest";
import { curlOf, jsonOf, readPasted, shellWords } from "./paste.ts";

const JOB = { repo: "https://github.com/acme/app", task: "script", script: "echo 'it''s \"done\"' \\\n\techo $HOME" };

describe("a pasted job", () => {
  it("is what the form itself shows", () => {
    expect(readPasted(curlOf(JOB, "http://localhost:8099"))).toEqual(JOB);
    expect(readPasted(jsonOf(JOB))).toEqual(JOB);
  });

  it("may be quoted in any way that shells know", () => {
    expect(
      readPasted(
        String.raw`$ curl -sS "http://h/enqueue" --data-raw $'{"task":"a\u0021","repo":"it\'s"}' --compressed`,
      ),
    ).toEqual({
      task: "a!",
      repo: "it's",
    });
    expect(readPasted(String.raw`curl -d"{\"repo\":\"x\"}" http://h/enqueue`)).toEqual({ repo: "x" });
    expect(readPasted(`curl --json='{"jobs":[{"repo":"x"}]}' http://h/v1/jobs`)).toEqual({ repo: "x" });
    expect(
      shellWords(String.raw`a\ b "c d"'e'  \
 f`),
    ).toEqual(["a b", "c de", "f"]);
  });

  it("that cannot be read says why", () => {
    expect(() => readPasted("  ")).toThrow("Nothing was pasted");
    expect(() => readPasted("[1]")).toThrow("no object");
    expect(() => readPasted("{")).toThrow("no JSON");
    expect(() => readPasted("curl -d @job.json http://h/enqueue")).toThrow("job.json");
    expect(() => readPasted("curl http://h/enqueue")).toThrow("-d is missing");
    expect(() => readPasted("curl -d '{")).toThrow("quote");
    expect(() => readPasted('{"jobs":[{},{}]}')).toThrow("several");
  });

  it("is shown without its git token", () => {
    expect(curlOf({ ...JOB, githubToken: "ghp_secret" }, "http://h")).not.toContain("ghp_secret");
  });
});
