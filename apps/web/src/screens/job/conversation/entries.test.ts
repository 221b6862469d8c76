import { describe, expect, it } from "vitest";
import type { JobEvent } from "../job-event-pages.ts";
import { entriesOf } from "./entries.ts";

let number = 0;
function event(type: string, data: Record<string, unknown>): JobEvent {
  number += 1;
  return { id: number, type, at: 1_000 + number, jobId: "one", data };
}
const agent = (told: Record<string, unknown>, fence = 1): JobEvent =>
  event("job.agent", { fence, index: number, event: told });

describe("a conversation", () => {
  it("folds tools in a row into one entry, each with its own result", () => {
    const entries = entriesOf([
      agent({ type: "message", text: "Reading." }),
      agent({ type: "tool_call", id: "a", tool: "Read", summary: "a.ts" }),
      agent({ type: "tool_call", id: "b", tool: "Bash", summary: "npm test" }),
      agent({ type: "tool_result", id: "b", ok: false, summary: "2 failed" }),
      agent({ type: "tool_result", id: "a", ok: true, summary: "40 lines" }),
      agent({ type: "message", text: "I see." }),
    ]);
    expect(entries.map(({ kind }) => kind)).toEqual(["agent", "tools", "agent"]);
    expect(entries[1]).toMatchObject({
      uses: [
        { tool: "Read", summary: "a.ts", result: { ok: true, summary: "40 lines" } },
        { tool: "Bash", summary: "npm test", result: { ok: false, summary: "2 failed" } },
      ],
    });
  });

  it("keeps the calls of different attempts apart, and shows a result whose call is on an earlier page", () => {
    const entries = entriesOf([
      agent({ type: "tool_result", id: "a", ok: true, summary: "late" }, 1),
      event("job.started", { fence: 2, workerId: "bee-1" }),
      agent({ type: "tool_call", id: "a", tool: "Read", summary: "" }, 2),
      agent({ type: "tool_result", id: "a", ok: true, summary: "for the second" }, 2),
    ]);
    expect(entries).toMatchObject([
      { kind: "tools", uses: [{ tool: "a tool", result: { summary: "late" } }] },
      { kind: "attempt", fence: 2, workerId: "bee-1" },
      { kind: "tools", uses: [{ tool: "Read", result: { summary: "for the second" } }] },
    ]);
  });

  it("puts lines in a row together, and leaves whole messages apart", () => {
    const long = "A paragraph.\n\nAnd another one.";
    const entries = entriesOf(["one", "two", long].map((text) => agent({ type: "message", text })));
    expect(entries).toMatchObject([
      { kind: "agent", text: "one\ntwo" },
      { kind: "agent", text: long },
    ]);
  });

  it("has people's words in their place, files together, and loses nothing that it does not know", () => {
    const entries = entriesOf([
      event("job.commented", { n: 1, by: "ann", message: "Windows too." }),
      agent({ type: "file_change", path: "a.ts", change: "create" }),
      agent({ type: "file_change", path: "b.ts", change: "update" }),
      agent({ type: "something new", value: 7 }),
      agent({ type: "unknown", data: "a line" }),
      event("job.callback", {}),
      event("job.succeeded", {}),
    ]);
    expect(entries).toMatchObject([
      { kind: "person", by: "ann", text: "Windows too." },
      { kind: "files", changes: [{ path: "a.ts" }, { path: "b.ts" }] },
      { kind: "note", text: '{"type":"something new","value":7}' },
      { kind: "note", text: "a line" },
      { kind: "note", look: "good", text: "the job succeeded" },
    ]);
  });
});
