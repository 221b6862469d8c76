/** What the LLM gateway adds to a call of a model: until its first byte, and for every token of its stream. */
import { startDispatcher } from "../dispatcher.ts";
import { median, percentile, type Row, type RowContext } from "../row.ts";
import { startTokenStream } from "./token-stream.ts";

export const gatewayRow: Row = {
  name: "gateway",
  about: "first byte and cost of a streamed token through the LLM gateway, against the provider itself",
  run: measureGateway,
};

interface Way {
  readonly firstByte: readonly number[];
  readonly delay: readonly number[];
  readonly perToken: readonly number[];
}

async function measureGateway({ stage, pick, say }: RowContext): ReturnType<Row["run"]> {
  const calls = pick({ quick: 20, usual: 200, full: 1_000 });
  const tokens = pick({ quick: 2_000, usual: 20_000, full: 100_000 });
  const provider = await startTokenStream(stage);
  const { port } = await startDispatcher(stage, {
    ANTHROPIC_API_KEY: "bench-provider-key",
    ANTHROPIC_BASE_URL: provider,
  });
  say(`${calls} calls and 5 streams of ${tokens} tokens each way`);
  const args = [String(port), provider, String(calls), String(tokens)];
  const { direct, through } = (await stage.measure("gateway.ts", args)) as { direct: Way; through: Way };
  const anchor = (value: number) => ({ name: "the provider itself", value });
  return [
    {
      name: "request to first byte, p50",
      value: percentile(through.firstByte, 0.5),
      unit: "ms",
      anchor: anchor(percentile(direct.firstByte, 0.5)),
      goal: { of: "value", at: "most", bound: 10 },
      note: "the job's budget is reserved on the disk before the provider is asked",
    },
    {
      name: "request to first byte, p99",
      value: percentile(through.firstByte, 0.99),
      unit: "ms",
      anchor: anchor(percentile(direct.firstByte, 0.99)),
      goal: { of: "value", at: "most", bound: 50 },
    },
    {
      name: "delay of a token on its way, p50",
      value: percentile(through.delay, 0.5),
      unit: "ms",
      anchor: anchor(percentile(direct.delay, 0.5)),
      goal: { of: "value", at: "most", bound: 1 },
      note: "tokens sent one by one, about a millisecond apart",
    },
    {
      name: "time per token, streamed as fast as it goes",
      value: median(through.perToken) * 1_000,
      unit: "µs",
      anchor: anchor(median(direct.perToken) * 1_000),
      goal: { of: "ratio", at: "most", bound: 3 },
      note: "four programs share two cores here: provider, gateway, dispatcher's relay, client",
    },
  ];
}
