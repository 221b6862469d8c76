/** The fields of the form: every field of a new job, in the order and the groups that people meet them. */
import type { NewJobRequest } from "@hive/protocol";

type Nested<K extends "budget" | "gitUser"> = `${K}.${keyof NonNullable<NewJobRequest[K]> & string}`;
/** A field, by its place in the job. */
export type Path = Exclude<keyof NewJobRequest, "budget" | "gitUser"> | Nested<"budget"> | Nested<"gitUser">;
type Task = NewJobRequest["task"];

/**
 * How a field is filled in. `list`: words between commas or lines. `minutes`: a number that the job has in milliseconds.
 * `flag`: yes, no or not said. `instant`: a time in the viewer's zone. `json`: anything else, as JSON.
 */
export type Kind = "text" | "secret" | "lines" | "number" | "minutes" | "choice" | "flag" | "list" | "instant" | "json";

export interface FieldLook {
  readonly label: string;
  readonly hint?: string;
  readonly kind: Kind;
  readonly group: Group;
  /** Only these tasks have it. Default: all. */
  readonly tasks?: readonly Task[];
  /** These tasks cannot do without it. */
  readonly neededBy?: readonly Task[];
  /** As wide as the form. */
  readonly wide?: true;
}

/** The first is always open. */
export const GROUPS = [
  "Work",
  "When",
  "Who",
  "Tests and candidates",
  "Limits",
  "Access and reports",
  "Files and data",
] as const;
export type Group = (typeof GROUPS)[number];

const AGENTS: readonly Task[] = ["agent", "analyze"];

export const FIELDS: Readonly<Record<Path, FieldLook>> = {
  repo: { label: "Repository", hint: "Such as https://github.com/acme/app", kind: "text", group: "Work", wide: true },
  task: { label: "Task", kind: "choice", group: "Work" },
  base: { label: "Start from", hint: "A branch. Empty: the repository's own", kind: "text", group: "Work" },
  instructions: {
    label: "Instructions",
    hint: "What is to be done, in words.",
    kind: "lines",
    group: "Work",
    neededBy: AGENTS,
    wide: true,
  },
  script: {
    label: "Script",
    hint: "Shell lines, run in the repository.",
    kind: "lines",
    group: "Work",
    tasks: ["script"],
    neededBy: ["script"],
    wide: true,
  },
  changes: {
    label: "Changes",
    hint: 'JSON: [{"path": "…", "content": "…"}], or "base64", or "delete": true',
    kind: "json",
    group: "Work",
    tasks: ["changes"],
    neededBy: ["changes"],
    wide: true,
  },
  branch: { label: "Push to", hint: "A branch. Empty: hive/ and the job's id", kind: "text", group: "Work" },
  agent: { label: "Agent", hint: "Empty: what the server says", kind: "text", group: "Work", tasks: AGENTS },

  runAt: { label: "Not before", hint: "In your time zone", kind: "instant", group: "When" },
  priority: { label: "Priority", hint: "0 goes first, 9 last; else 5", kind: "number", group: "When" },
  dependsOn: { label: "After these jobs", hint: "Their ids; each must succeed first", kind: "list", group: "When" },
  concurrencyKey: {
    label: "Concurrency key",
    hint: "Jobs with the same one run one at a time",
    kind: "text",
    group: "When",
  },

  role: { label: "Role", hint: "Only workers that play it", kind: "text", group: "Who" },
  labels: { label: "Labels", hint: "Only workers that have them all", kind: "list", group: "Who" },
  model: { label: "Model", hint: "As the agent names it", kind: "text", group: "Who", tasks: AGENTS },

  verify: {
    label: "The repository's tests judge it",
    kind: "flag",
    group: "Tests and candidates",
    tasks: ["agent"],
  },
  verifyRounds: {
    label: "Red tests go back",
    hint: "So many times",
    kind: "number",
    group: "Tests and candidates",
    tasks: ["agent"],
  },
  candidates: {
    label: "Candidates",
    hint: 'How many do the work, or JSON: [{"agent": "claude"}, {"agent": "codex"}]',
    kind: "json",
    group: "Tests and candidates",
    tasks: ["agent"],
  },
  choose: {
    label: "Who chooses among them",
    kind: "choice",
    group: "Tests and candidates",
    tasks: ["agent"],
  },

  "budget.usd": { label: "US dollars", hint: "For all calls of models", kind: "number", group: "Limits" },
  "budget.tokens": { label: "Tokens", kind: "number", group: "Limits" },
  "budget.minutes": { label: "Minutes of all attempts", kind: "number", group: "Limits" },
  "budget.turns": { label: "Calls of models", kind: "number", group: "Limits" },
  timeoutMs: { label: "Minutes of one attempt", hint: "Else 60", kind: "minutes", group: "Limits" },
  maxAttempts: { label: "Attempts", hint: "Else 3", kind: "number", group: "Limits" },
  retryOn: {
    label: "Tried again after",
    hint: "Trouble of the system, or failed work too",
    kind: "choice",
    group: "Limits",
  },

  githubToken: {
    label: "Git token",
    hint: "For this job alone; sealed, and erased when it ends",
    kind: "secret",
    group: "Access and reports",
  },
  egress: {
    label: "Hosts it may reach",
    hint: "Such as registry.npmjs.org; the word none for none at all",
    kind: "list",
    group: "Access and reports",
  },
  callbackUrl: {
    label: "Callback address",
    hint: "Is told how it goes",
    kind: "text",
    group: "Access and reports",
  },
  "gitUser.name": { label: "Author of commits", kind: "text", group: "Access and reports" },
  "gitUser.email": { label: "Author's e-mail", kind: "text", group: "Access and reports" },

  jobId: {
    label: "Job id",
    hint: "Sent again with the same one, it is the same job",
    kind: "text",
    group: "Files and data",
  },
  inputs: {
    label: "Files to read",
    hint: 'JSON: [{"name": "notes.txt", "text": "…"}]',
    kind: "json",
    group: "Files and data",
    wide: true,
  },
  metadata: {
    label: "Metadata",
    hint: "A JSON object of yours; comes back in callbacks",
    kind: "json",
    group: "Files and data",
    wide: true,
  },
};

export const PATHS = Object.keys(FIELDS) as readonly Path[];

/** The field a problem is about: the server names places inside of fields too, such as `changes[0].path`. */
export function fieldAt(place: string): Path | undefined {
  const path = place.replace(/\[.*$/s, "");
  return (
    PATHS.find((each) => each === path) ??
    PATHS.find((each) => each.startsWith(`${path}.`)) ??
    PATHS.find((each) => path.startsWith(`${each}.`))
  );
}
