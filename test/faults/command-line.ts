/** What `npm run faults` was asked for. */
import { parseArgs } from "node:util";
import { type Planned, plan, SCENARIOS } from "./registry.ts";
import type { ScenarioOptions, StoreKind } from "./scenario.ts";

/** One wish. `text`: what to print instead of doing anything. */
export type Asked =
  | { readonly what: "help"; readonly text: string }
  | { readonly what: "mutations"; readonly only: string }
  | { readonly what: "run"; readonly planned: readonly Planned[]; readonly options: Omit<ScenarioOptions, "store"> };

const USAGE = `npm run faults -- [options]      runs scenarios of the fault suite one after the other
  --only F1,F3                   only these
  --store redis|sqlite           only on this store
  --quick                        as small as in npm test
  --seed N                       other dice; default 1
  --minutes N                    how long a soak lasts
npm run faults -- --mutations    makes one careless change after the other in a copy, and sees its scenario turn red
  --only TEXT                    only those with this text in their name

The scenarios:
${SCENARIOS.map(({ id, title, stores }) => `  ${id.padEnd(5)} ${stores.join(", ").padEnd(14)} ${title}`).join("\n")}
`;

/**
 * Reads the arguments.
 * @throws Error with a message for people for those that make no sense
 */
export function readCommandLine(args: readonly string[]): Asked {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", default: "" },
      store: { type: "string" },
      seed: { type: "string", default: "1" },
      minutes: { type: "string" },
      quick: { type: "boolean", default: false },
      mutations: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { what: "help", text: USAGE };
  if (values.mutations) return { what: "mutations", only: values.only };
  const options = {
    size: values.quick ? "quick" : "full",
    seed: numberOf("--seed", values.seed, (seed) => Number.isInteger(seed) && seed >= 0, "a whole number from 0 on"),
    ...(values.minutes === undefined
      ? {}
      : { minutes: numberOf("--minutes", values.minutes, (minutes) => minutes > 0, "a number above 0") }),
  } as const;
  return { what: "run", planned: plan(listOf(values.only), storesOf(values.store)), options };
}

function listOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim().toUpperCase())
    .filter((part) => part !== "");
}

function numberOf(option: string, text: string, isRight: (value: number) => boolean, wanted: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!isRight(value)) throw new RangeError(`${option} takes ${wanted}, not "${text}"`);
  return value;
}

function storesOf(text: string | undefined): readonly StoreKind[] {
  if (text === undefined) return [];
  if (text === "sqlite" || text === "redis") return [text];
  throw new RangeError(`--store takes sqlite or redis, not "${text}"`);
}
