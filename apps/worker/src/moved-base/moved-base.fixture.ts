/** One attempt at a job whose base others change: its working copy, its meeting with the base, and its end. */
import { join } from "node:path";
import type { CheckoutOptions, Workspace } from "../git/checkout.ts";
import { type GitWorld, openWorkspace, plainGit, publishOptions } from "../git/git-fixture.ts";
import { publish } from "../git/publish.ts";
import { createMovedBase, type MovedBaseOfJob } from "./moved-base.ts";

/** The files of a new repository. */
export const START = { "a.txt": "one\ntwo\nthree\n", "b.txt": "b\n", "README.md": "read\n" };
const OWN = "job@example.com";
let repos = 0;

/** An attempt under way. */
export interface Attempt {
  readonly repo: string;
  readonly workspace: Workspace;
  readonly moved: MovedBaseOfJob;
  readonly said: string[];
  /** What is left to be published, as a job's end takes it. */
  readonly left: () => ReturnType<typeof publishOptions>;
  /** Publishes what the meeting left; answers the branch's commit. */
  readonly end: () => Promise<string>;
  readonly show: (place: string) => string;
}

/** An attempt at a job of a new repository, or of `repo`. */
export async function startAttempt(
  world: GitWorld,
  given: { repo?: string; announced?: readonly string[] } & Partial<CheckoutOptions> = {},
): Promise<Attempt> {
  const { repo = await world.makeRepo(`moved-${(repos += 1)}.git`, START), announced = [], ...extra } = given;
  const mirrors = given.mirrors ?? world.mirrors;
  const workspace = await openWorkspace(world, repo, { author: { name: "Job", email: OWN }, ...extra });
  const options = publishOptions(world, workspace, {
    announced: announced.map((commit) => ({ ref: workspace.ref, commit })),
  });
  const said: string[] = [];
  const moved = createMovedBase({
    ...options,
    mirrors,
    remote: { address: world.address(repo), credential: world.credential },
    say: (line) => Promise.resolve(void said.push(line)),
    signal: new AbortController().signal,
  });
  const left: Attempt["left"] = () => {
    const work = moved.work();
    return { ...options, workspace: moved.workspace(), ...(work === null ? {} : { work }) };
  };
  return {
    repo,
    workspace,
    moved,
    said,
    left,
    async end() {
      const published = await publish(left());
      if (published.end !== "published") throw new Error(JSON.stringify(published));
      return published.commit;
    },
    show: (place) => plainGit(join(world.folder, "served", repo), "show", place),
  };
}
