/**
 * F9: files that were cut short or in which a bit has flipped. A copy of a killed store's files is damaged and opened:
 * it must show a state the store had, or say that it is damaged. What it may never do is to show a job as it never was.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { TERM_MS } from "../../../apps/dispatcher/src/leader/watch.ts";
import { type Store, StoreHeld } from "../../../apps/dispatcher/src/store/contract.ts";
import { RedisConnection } from "../../../apps/dispatcher/src/store/redis/connection.ts";
import { handClock, leadershipOf } from "../../../apps/dispatcher/src/store/redis/redis.fixture.ts";
import { RedisStore } from "../../../apps/dispatcher/src/store/redis/redis-store.ts";
import { SqliteStore } from "../../../apps/dispatcher/src/store/sqlite/sqlite-store.ts";
import { startRedis } from "../../peers/redis/redis-server.ts";
import { type Dice, dice as diceOf } from "../../sim/dice.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { keepCommits, type KeptCommits, showOf, type Shown } from "../kept-commits.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized, type StoreKind } from "../scenario.ts";

export const damage: Scenario = {
  id: "F9",
  title: "files that were cut or have a flipped bit show an earlier state or are refused, and never another job",
  stores: ["sqlite", "redis"],
  run: async ({ size, seed, store }: ScenarioOptions) => {
    using place = temporaryFolder("damage");
    const commits = sized(size, { quick: 120, full: 200 });
    const whole = await fill(store, place.path, commits, seed);
    const dice = diceOf(seed, `damage of ${store}`);
    const each = sized(size, { quick: 16, full: 200 });
    const cut = await tryAll("cut", each, whole, dice);
    const flipped = await tryAll("flip", each, whole, dice);
    return outcomeOf({ cut, flipped });
  },
};

/** Files to be damaged, and how to look at a copy of them. */
interface Whole {
  /** Folders as a killed process left them. */
  readonly folders: readonly string[];
  readonly known: KeptCommits;
  readonly show: (folder: string, known: KeptCommits) => Promise<Shown>;
}

interface Tried {
  readonly what: string;
  readonly shown: Shown;
}

async function fill(store: StoreKind, place: string, commits: number, seed: number): Promise<Whole> {
  return store === "sqlite" ? fillSqlite(place, commits, seed) : fillRedis(place, commits, seed);
}

/** Two folders: one with everything in the log, as after a kill, and one with everything in the database. */
async function fillSqlite(place: string, commits: number, seed: number): Promise<Whole> {
  const [open, killed, closed] = ["open", "killed", "closed"].map((name) => join(place, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(open);
  const store = new SqliteStore(join(open, "hive.db"));
  const known = await keepCommits(store, commits, seed);
  cpSync(open, killed, { recursive: true, filter: (path) => path === open || /hive\.db(-wal)?$/.test(path) });
  await store.close();
  cpSync(open, closed, { recursive: true, filter: (path) => path === open || path.endsWith("hive.db") });
  const show = (folder: string): Promise<Shown> => showOf(new SqliteStore(join(folder, "hive.db")), known);
  return { folders: [killed, closed], known, show };
}

async function fillRedis(place: string, commits: number, seed: number): Promise<Whole> {
  const folder = join(place, "redis");
  mkdirSync(folder);
  const redis = await startRedis({ folder });
  try {
    const known = await withStore(redis.url, (open) => keepCommits(open(), commits, seed));
    await redis.crash();
    return { folders: [folder], known, show: showRedis };
  } finally {
    await redis.dispose();
  }
}

async function showRedis(folder: string, known: KeptCommits): Promise<Shown> {
  let redis: Awaited<ReturnType<typeof startRedis>>;
  try {
    redis = await startRedis({ folder });
  } catch (error) {
    return { verdict: "refused", why: String(error) };
  }
  try {
    return await withStore(redis.url, async (open, pass) => {
      try {
        return await showOf(open(), known);
      } catch (error) {
        if (!(error instanceof StoreHeld)) throw error;
        // The record of the leader is damaged too: who it names has a term to show that it lives.
        pass(2 * TERM_MS);
        return await showOf(open(), known);
      }
    });
  } finally {
    await redis.dispose();
  }
}

async function withStore<T>(
  url: string,
  use: (open: () => Store, pass: (ms: number) => void) => Promise<T>,
): Promise<T> {
  const clock = handClock();
  const mono = (): number => clock.mono();
  const [writing, reading] = [new RedisConnection({ url }), new RedisConnection({ url })];
  const leadership = leadershipOf("http://queen.example", mono);
  try {
    return await use(
      () => new RedisStore({ writing, reading, prefix: "hive", leadership, mono }),
      (ms) => clock.pass(ms),
    );
  } finally {
    writing.close();
    reading.close();
  }
}

async function tryAll(how: "cut" | "flip", count: number, whole: Whole, dice: Dice): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (let n = 0; n < count; n += 1) {
    const source = whole.folders[n % whole.folders.length] ?? "";
    using copy = temporaryFolder("damaged");
    cpSync(source, copy.path, { recursive: true });
    const what = harm(copy.path, how, dice);
    let shown: Shown;
    try {
      shown = await whole.show(copy.path, whole.known);
    } catch (error) {
      // Whatever it is, it is no answer: nobody is told of a job that never was.
      shown = { verdict: "refused", why: String(error) };
    }
    tried.push({ what: `${basename(source)}: ${what}`, shown });
  }
  return tried;
}

/** Damages one file of the folder, and says how. Larger files are more likely to be hit. */
function harm(folder: string, how: "cut" | "flip", dice: Dice): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, size: statSync(path).size }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  let at = dice.int(0, files.reduce((sum, { size }) => sum + size, 0) - 1);
  for (const { path, size } of files) {
    if (at >= size) {
      at -= size;
      continue;
    }
    if (how === "cut") truncateSync(path, at);
    else {
      const bytes = readFileSync(path);
      const bit = dice.int(0, 7);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      writeFileSync(path, bytes);
    }
    return `${how} at byte ${at} of ${size} in ${basename(path)}`;
  }
  throw new Error(`there is nothing to damage in ${folder}`);
}

function outcomeOf({
  cut,
  flipped,
}: {
  readonly cut: readonly Tried[];
  readonly flipped: readonly Tried[];
}): ScenarioOutcome {
  const all = [...cut, ...flipped];
  const count = (tried: readonly Tried[], verdict: Shown["verdict"]): number =>
    tried.filter(({ shown }) => shown.verdict === verdict).length;
  const lies = all.flatMap(({ what, shown }) => (shown.verdict === "lie" ? [`${what}: ${shown.lie}`] : []));
  const harmless = count(all, "whole");
  const blind =
    harmless < all.length / 2 ? [] : [`the run proves little: ${harmless} of ${all.length} damages changed nothing`];
  return {
    figures: {
      cuts: cut.length,
      "to an earlier state": count(cut, "earlier"),
      "refused of the cut": count(cut, "refused"),
      flips: flipped.length,
      "flips without effect": count(flipped, "whole"),
      "flips to an earlier state": count(flipped, "earlier"),
      "flips refused": count(flipped, "refused"),
      "silently changed": lies.length,
    },
    broken: [...lies, ...blind],
  };
}
