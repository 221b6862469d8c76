import { expect, test } from "vitest";
import { Changes } from "./changes.ts";

test("each document is written once, with the last word on it, however many there are", () => {
  for (const documents of [1, 7, 8, 9, 100]) {
    const changes = new Changes();
    for (const round of [1, 2]) {
      for (let n = 0; n < documents; n += 1) changes.put({ collection: "jobs", id: `j${n}`, doc: { round } });
      changes.put({ collection: "bodies", id: "j0", doc: { round } });
    }
    changes.put({ collection: "jobs", id: "j0", doc: null });
    expect(changes.all).toHaveLength(documents + 1);
    expect(changes.all[0]).toEqual({ collection: "jobs", id: "j0", doc: null });
    expect(changes.all.slice(1).every((change) => change.doc?.["round"] === 2)).toBe(true);
    expect(changes.all.filter((change) => change.collection === "bodies")).toHaveLength(1);
  }
});
