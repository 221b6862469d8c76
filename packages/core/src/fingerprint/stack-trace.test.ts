import { describe, expect, test } from "vitest";
import { readTrace, traceIdentity } from "./stack-trace.ts";

const TRACES = {
  java: [
    "Request failed",
    "java.lang.IllegalStateException: no stock for order 4711",
    "\tat org.shop.stock.Shelf.take(Shelf.java:48)",
    "\tat org.shop.order.Basket.lambda$pay$3(Basket.java:112)",
    "\tat java.base/java.util.ArrayList.forEach(ArrayList.java:1596)",
    "\tat org.shop.order.Basket.pay(Basket.java:110)",
    "\t... 12 more",
    "Caused by: java.io.IOException: closed",
    "\tat org.shop.net.Pipe.read(Pipe.java:9)",
  ],
  python: [
    "Traceback (most recent call last):",
    '  File "/srv/app/web.py", line 31, in handle',
    "    return pay(order)",
    '  File "/srv/app/orders.py", line 88, in pay',
    "    stock[order.item] -= 1",
    "KeyError: 4711",
  ],
  node: [
    "TypeError: Cannot read properties of undefined (reading 'price')",
    "    at Basket.total (/srv/app/src/basket.ts:20:31)",
    "    at async pay (file:///srv/app/src/pay.ts:7:3)",
    "    at /srv/app/src/server.ts:101:5",
  ],
  go: [
    "panic: runtime error: index out of range [4711] with length 3",
    "",
    "goroutine 18 [running]:",
    "main.(*Shelf).take(0xc0000140a0, 0x1267)",
    "\t/srv/app/shelf.go:48 +0x1d",
    "main.main()",
    "\t/srv/app/main.go:12 +0x25",
    "exit status 2",
  ],
} as const;

/** The same trouble in the next build: other lines, other addresses, another order. */
function afterRebuild(text: string): string {
  return text
    .replace(/:(\d+)(?=[):\n ]|$)/gm, (_, line: string) => `:${Number(line) + 13}`)
    .replace(/line (\d+)/g, (_, line: string) => `line ${Number(line) + 13}`)
    .replaceAll("4711", "4712")
    .replace(/0x[0-9a-f]+/g, "0xc000ffee");
}

describe.each(Object.entries(TRACES))("a stack trace of %s", (language, lines) => {
  const text = lines.join("\n");
  const trace = readTrace(text);

  test("is found, with its type and its innermost frame first", () => {
    expect(trace?.language).toBe(language);
    expect(trace?.type).toBe(
      { java: "java.lang.IllegalStateException", python: "KeyError", node: "TypeError", go: "panic" }[language],
    );
    expect(trace?.frames[0]).toContain({ java: "Shelf.take", python: "pay", node: "total", go: "take" }[language]);
  });

  test("is the same trouble when only lines, addresses and values changed", () => {
    const later = readTrace(afterRebuild(text));
    expect(afterRebuild(text)).not.toBe(text);
    expect(later === null ? null : traceIdentity(later)).toEqual(trace === null ? undefined : traceIdentity(trace));
  });

  test("is another trouble when it happened elsewhere, or is another error", () => {
    const elsewhere = readTrace(text.replace(/\btake\b|\btotal\b|in pay$/gm, "in elsewhere"));
    expect(elsewhere?.frames).not.toEqual(trace?.frames);
    const other = readTrace(
      text.replace(/IllegalStateException|KeyError|TypeError|^panic/m, (was) =>
        was === "panic" ? "fatal error" : "RangeError",
      ),
    );
    expect(other?.type).not.toBe(trace?.type);
  });

  test("is found behind the header of a log, cut anywhere it does not throw", () => {
    expect(readTrace(`2026-11-23 20:15:00 ERROR web - it broke\n${text}`)?.type).toBe(trace?.type);
    for (let end = 0; end < text.length; end += 1) readTrace(text.slice(0, end));
  });
});

test("hashes of bundles and versions of packages are no part of a frame", () => {
  const read = (file: string) => readTrace(`Error: no\n    at draw (${file}:1:200)`)?.frames;
  expect(read("/srv/web/assets/main-3f9a1b2c.js")).toEqual(read("/srv/web/assets/main-77c0d1e2.js"));
  expect(read("/srv/node_modules/shapes@1.2.3/draw.js")).toEqual(read("/srv/node_modules/shapes@1.3.0/draw.js"));
});

test.each(["all is well", "", "  at lunch", "INFO at home", "goroutine 5 [running]:"])(
  "%j is no stack trace",
  (text) => {
    expect(readTrace(text)).toBeNull();
  },
);

test("a hostile text costs no more than its length", () => {
  const began = performance.now();
  for (const unit of [
    "    at a.",
    "\tat a/",
    "Caused by: a.",
    "a$",
    "goroutine 1 [\n",
    "((",
    '  File "',
    "a.b",
    "AError",
    "panic: ",
  ]) {
    readTrace(`Error\n    at x (y:1:1)\n${unit.repeat(50_000)}\n${`${unit}\n`.repeat(5_000)}`);
  }
  expect(performance.now() - began).toBeLessThan(10_000);
});
