/**
 * The environment a job's programs start with: a list of what is in it, not of what is left out. Nothing of the
 * supervisor's own environment gets through, and the one token in here is the job's own, for the way out.
 */
import type { TaskRequest } from "../worker-parts.ts";

/** What the machine offers to jobs. */
export interface MachineEnvironment {
  /** Where programs are looked up. */
  readonly path: string;
  /** Certificate authorities beyond the system's, or null. */
  readonly extraCaFile: string | null;
}

/** The clean environment of one job. `bin` holds Hive's own commands, such as `hive-progress`. */
export function jobEnvironment(
  machine: MachineEnvironment,
  request: Pick<TaskRequest, "job" | "slot" | "output" | "inputs" | "workspace" | "proxy">,
  own: { readonly bin: string; readonly progressFile: string },
): Record<string, string> {
  const { job, slot, output, inputs, workspace } = request;
  return {
    PATH: `${own.bin}:${machine.path}`,
    HOME: slot.home,
    TMPDIR: slot.tmp,
    USER: "hive",
    LOGNAME: "hive",
    SHELL: "/bin/sh",
    LANG: "C.UTF-8",
    TERM: "dumb",
    CI: "true",
    HIVE_JOB_ID: job.jobId,
    HIVE_TASK: job.task,
    HIVE_BRANCH: workspace.branch,
    HIVE_OUTPUT: output,
    ...(inputs === null ? {} : { HIVE_INPUTS: inputs }),
    HIVE_PROGRESS_FILE: own.progressFile,
    GIT_TERMINAL_PROMPT: "0",
    ...(request.proxy === null ? {} : proxyEnvironment(request.proxy)),
    ...(machine.extraCaFile === null
      ? {}
      : {
          NODE_EXTRA_CA_CERTS: machine.extraCaFile,
          npm_config_cafile: machine.extraCaFile,
          SSL_CERT_FILE: machine.extraCaFile,
          GIT_SSL_CAINFO: machine.extraCaFile,
        }),
  };
}

/**
 * How programs learn of the way out. curl reads `http_proxy` in lower case alone, Go and pip either case; git, npm and
 * cargo do as curl does; Node's own `fetch` and `http` only with NODE_USE_ENV_PROXY; Yarn 2 and newer its own names. git
 * would first ask without the token. No file is needed for any of them, so none can be left behind.
 */
function proxyEnvironment(proxy: string): Record<string, string> {
  const direct = "127.0.0.1,localhost,::1";
  return {
    http_proxy: proxy,
    https_proxy: proxy,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    no_proxy: direct,
    NO_PROXY: direct,
    NODE_USE_ENV_PROXY: "1",
    GIT_HTTP_PROXY_AUTHMETHOD: "basic",
    YARN_HTTP_PROXY: proxy,
    YARN_HTTPS_PROXY: proxy,
  };
}
