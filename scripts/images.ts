// `npm run images`: builds the images of the worker and the dispatcher with the `docker` of this machine and prints how
// big they became. The same variables count as in compose.yaml, so both make the same images.
import { execFileSync } from "node:child_process";
import { runProgram } from "./run-program.ts";

/** The two images of Hive. */
export type ImageKind = "worker" | "dispatcher";

/** What goes into the image of each kind, as `--build-arg`. */
export interface BuildOptions {
  /** Name and tag. */
  readonly name: string;
  readonly args: Readonly<Record<string, string | undefined>>;
  /** The environment of the `docker` program; `DOCKER_HOST` is read from it. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Print only what went wrong. Default: false. */
  readonly quiet?: boolean;
}

/** Builds one image from this checkout; answers its size in bytes. @throws when the build fails */
export async function buildImage(kind: ImageKind, options: BuildOptions): Promise<number> {
  const env = options.env ?? process.env;
  const args = Object.entries(options.args).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : ["--build-arg", `${name}=${value}`],
  );
  const quiet = options.quiet === true ? ["--quiet"] : [];
  const command = [
    "build",
    "--force-rm",
    ...quiet,
    "--file",
    `docker/${kind}.Dockerfile`,
    "--tag",
    options.name,
    ...args,
    ".",
  ];
  const ended = await runProgram("docker", command, { env });
  if (ended.code !== 0) throw new Error(`docker ${command.join(" ")}: ${ended.why}`);
  const size = execFileSync("docker", ["image", "inspect", "--format", "{{.Size}}", options.name], {
    env,
    encoding: "utf8",
  });
  return Number(size);
}

/** Bytes as Docker shows them: `456 MB`. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000)} MB`;
}

if (import.meta.main) {
  const { HIVE_BASE_IMAGE, HIVE_AGENT_CLIS, HIVE_BUILD_TOOLS, HIVE_WORKER_IMAGE, HIVE_DISPATCHER_IMAGE } = process.env;
  const images = [
    ["dispatcher", HIVE_DISPATCHER_IMAGE || "hive-dispatcher", { BASE_IMAGE: HIVE_BASE_IMAGE }],
    [
      "worker",
      HIVE_WORKER_IMAGE || "hive-worker",
      { BASE_IMAGE: HIVE_BASE_IMAGE, AGENTS: HIVE_AGENT_CLIS, BUILD_TOOLS: HIVE_BUILD_TOOLS },
    ],
  ] as const;
  try {
    const sizes: string[] = [];
    for (const [kind, name, args] of images)
      sizes.push(`${name.padEnd(24)} ${megabytes(await buildImage(kind, { name, args }))}`);
    console.log(`\n${sizes.join("\n")}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
