import { describe, expect, it } from "vitest";
import { createSharedWork } from "./shared-work.ts";

/** Work that ends when the test says so, and notes how often it was begun and whether it was stopped. */
function work() {
  const begun: { readonly signal: AbortSignal; readonly end: (value: string) => void }[] = [];
  return {
    begun,
    begin: (signal: AbortSignal) =>
      new Promise<string>((resolve) => {
        begun.push({ signal, end: resolve });
        signal.addEventListener("abort", () => resolve("stopped"));
      }),
  };
}

describe("shared work", () => {
  it("is done once for all who wait, and again for who comes later", async () => {
    const shared = createSharedWork<string>();
    const { begun, begin } = work();
    const waiting = [shared.join("a", begin), shared.join("a", begin), shared.join("b", begin)];
    expect(begun).toHaveLength(2);
    for (const one of begun) one.end("done");
    expect((await Promise.all(waiting)).map((joined) => joined?.own)).toEqual([true, false, true]);
    const later = shared.join("a", begin);
    begun[2]?.end("again");
    expect(await later).toEqual({ value: "again", own: true });
  });

  it("goes on for the others when the one who began it leaves", async () => {
    const shared = createSharedWork<string>();
    const { begun, begin } = work();
    const leaving = new AbortController();
    const first = shared.join("a", begin, leaving.signal);
    const second = shared.join("a", begin);
    leaving.abort();
    expect(await first).toBeNull();
    expect(begun[0]?.signal.aborted).toBe(false);
    begun[0]?.end("done");
    expect(await second).toEqual({ value: "done", own: false });
  });

  it("is stopped when the last one leaves, who comes back only when it has ended; nobody joins it then", async () => {
    const shared = createSharedWork<string>();
    const { begun, begin } = work();
    const [one, two] = [new AbortController(), new AbortController()];
    const waiting = [shared.join("a", begin, one.signal), shared.join("a", begin, two.signal)];
    one.abort();
    await waiting[0];
    expect(begun[0]?.signal.aborted).toBe(false);
    two.abort();
    await waiting[1];
    expect(begun[0]?.signal.aborted).toBe(true);
    const next = shared.join("a", begin);
    begun[1]?.end("fresh");
    expect(await next).toEqual({ value: "fresh", own: true });
  });

  it("that fails fails for all, and is not joined by who left before", async () => {
    const shared = createSharedWork<string>();
    const fails = () => Promise.reject(new Error("broken"));
    const waiting = [shared.join("a", fails), shared.join("a", fails)];
    for (const one of waiting) await expect(one).rejects.toThrow("broken");
    const gone = AbortSignal.abort();
    expect(await shared.join("a", fails, gone)).toBeNull();
  });
});
