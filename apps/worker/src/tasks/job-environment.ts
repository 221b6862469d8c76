/**
 * The environment a job's programs start with: a list of what is in it, not of what is left out. Nothing of the
 * supervisor's own environment gets through, and nothing in here is a secret.
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
  request: Pick<TaskRequest, "job" | "slot" | "output" | "workspace">,
  own: { readonly bin: string; readonly progressFile: string },
): Record<string, string> {
  const { job, slot, output, workspace } = request;
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
    HIVE_PROGRESS_FILE: own.progressFile,
    GIT_TERMINAL_PROMPT: "0",
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
