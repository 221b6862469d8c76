export * from "./hive-client.ts";
export { type BackfillOptions, type ScheduleCalls } from "./schedule-calls.ts";
export { type NotifyCalls } from "./notify-calls.ts";
export { type PageOptions, type SourceCalls } from "./source-calls.ts";
export { type StreamEvent } from "./event-stream.ts";
export { verifyCallback, type Callback } from "./verify-callback.ts";
export {
  ApiError,
  UnreachableError,
  type JobDetail,
  type JobSummary,
  type NewJobRequest,
  type Accepted,
  type Candidate,
  type CandidatesReply,
  type Comment,
  type Commented,
  type DayBudgets,
  type ChannelTest,
  type NewComment,
  type NotifyChannel,
  type Health,
  type Pool,
  type SchedulePreview,
  type ScheduleSpec,
  type ScheduleView,
  type SlotView,
  type DeliveryView,
  type DryRun,
  type GroupView,
  type SourceView,
  type Worker,
} from "@hive/protocol";
