import { expect, test } from "vitest";
import { createBodyRoom } from "./body-room.ts";

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}

test("a body is whole whatever pieces it came in", async () => {
  const read = createBodyRoom();
  const text = Array.from({ length: 20_000 }, (_, n) => String(n % 10));
  expect((await read(pieces(...text))).toString()).toBe(text.join(""));
  expect((await read(pieces())).byteLength).toBe(0);
});

test("bodies that are arriving hold only so much together, and those that ended or broke off nothing", async () => {
  const read = createBodyRoom(100_000);
  const large = "x".repeat(60_000);
  const gone = Promise.withResolvers<undefined>();
  async function* stalled(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(large);
    await gone.promise;
  }
  const slow = read(stalled());
  await expect(read(pieces(large))).rejects.toMatchObject({ code: "not_ready" });
  expect((await read(pieces("small"))).toString()).toBe("small");
  gone.reject(new Error("the connection was closed"));
  await expect(slow).rejects.toThrow("the connection was closed");
  for (let n = 0; n < 5; n += 1) expect((await read(pieces(large))).byteLength).toBe(60_000);
});
