/** Whether a claim costs the same however many jobs wait. */
import { startRedis } from "../redis.ts";
import { median, type Row, type RowContext } from "../row.ts";

const FEW = 1_000;

interface Micros {
  readonly core: number;
  readonly committer: number;
}

export const claimRow: Row = {
  name: "claim",
  about: "what a claim costs with very many jobs waiting, against 1,000",
  run: (context) => measureClaim(context, "SQLite"),
};

export const claimRedisRow: Row = {
  name: "claim-redis",
  about: "the same through the committer with the jobs in Redis",
  run: (context) => measureClaim(context, "Redis"),
};

async function measureClaim({ stage, pick, say }: RowContext, store: "SQLite" | "Redis"): ReturnType<Row["run"]> {
  const many = pick({ quick: 5_000, usual: 100_000, full: 1_000_000 });
  const claims = String(pick({ quick: 20, usual: 200, full: 200 }));
  const rounds = pick({ quick: 1, usual: 3, full: 3 });
  const ofMany: Micros[] = [];
  const ofFew: Micros[] = [];
  // A process each: a large heap is part of what many waiting jobs cost. It is given room, as an operator would.
  const room = ["--max-old-space-size=12000"];
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}`);
    for (const [waiting, micros] of [
      [FEW, ofFew],
      [many, ofMany],
    ] as const) {
      const where = store === "Redis" ? [(await startRedis(stage, "always")).url] : [];
      micros.push((await stage.measure("claim.ts", [String(waiting), claims, ...where], room)) as Micros);
      await stage.clear();
    }
  }
  const figure = (part: keyof Micros, what: string) =>
    ({
      name: `a claim with ${many.toLocaleString("en-US")} waiting, ${what}`,
      value: median(ofMany.map((one) => one[part])),
      unit: "µs",
      anchor: { name: "with 1,000 waiting", value: median(ofFew.map((one) => one[part])) },
      goal: { of: "ratio", at: "most", bound: 1.2 },
    }) as const;
  const committer = figure("committer", `through the committer, ${store}`);
  return store === "SQLite" ? [figure("core", "core alone"), committer] : [committer];
}
