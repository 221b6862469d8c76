/**
 * Every error a caller can meet: one table of code, HTTP status and whether the same request may be sent again.
 * Callers match on codes, so a code never changes its meaning. `docs/errors.md` describes each one.
 */

export const ERRORS = {
  bad_request: { status: 400, retry: false, title: "The request is malformed" },
  invalid_field: { status: 422, retry: false, title: "A field of the request has a value Hive cannot take" },
  not_supported: { status: 422, retry: false, title: "The request asks for something this server does not do" },
  bad_filter: { status: 400, retry: false, title: "This list cannot be filtered like that" },
  unauthorized: { status: 401, retry: false, title: "The token is missing or wrong" },
  forbidden: { status: 403, retry: false, title: "This token may not do that" },
  not_found: { status: 404, retry: false, title: "There is no such thing" },
  job_forgotten: { status: 410, retry: false, title: "The job ended long ago and is not kept any more" },
  method_not_allowed: { status: 405, retry: false, title: "This path does not take that method" },
  body_too_large: { status: 413, retry: false, title: "The body is too large" },
  unsupported_media_type: { status: 415, retry: false, title: "The body has a type this path does not take" },
  id_conflict: { status: 409, retry: false, title: "The id is taken by a job with another body" },
  idempotency_conflict: { status: 409, retry: false, title: "The Idempotency-Key was used for another request" },
  unknown_dependency: { status: 422, retry: false, title: "The job depends on a job that does not exist" },
  dependency_cycle: { status: 422, retry: false, title: "The jobs wait for each other in a circle" },
  wrong_status: { status: 409, retry: false, title: "The job's status does not allow that" },
  too_many_comments: { status: 409, retry: false, title: "As many comments wait for this job as may" },
  approval_mismatch: { status: 409, retry: false, title: "The approval names something else than what waits" },
  budget_exceeded: { status: 402, retry: false, title: "The budget does not cover this call; the job stops" },
  lease_lost: { status: 409, retry: false, title: "This lease is over; stop the work" },
  not_begun: { status: 409, retry: false, title: "The lease has not had its first heartbeat" },
  worker_busy: { status: 409, retry: false, title: "The worker already has a job" },
  worker_unknown: { status: 401, retry: false, title: "The worker is not registered here; register again" },
  worker_outdated: { status: 426, retry: false, title: "The worker speaks a version this server no longer takes" },
  registration_refused: { status: 401, retry: false, title: "The worker could not prove itself" },
  wrong_offset: { status: 409, retry: false, title: "The log goes on at another offset" },
  log_differs: { status: 409, retry: false, title: "The log already has other bytes at this place" },
  log_too_large: { status: 413, retry: false, title: "The log of this attempt is full" },
  log_incomplete: { status: 409, retry: true, title: "The log is not complete yet" },
  artifact_exists: { status: 409, retry: false, title: "The attempt has another file of this name" },
  too_many_artifacts: { status: 409, retry: false, title: "The attempt left as many files as it may" },
  artifact_mismatch: { status: 422, retry: true, title: "The artifact's bytes do not match its checksum" },
  cache_mismatch: { status: 422, retry: true, title: "The cache's bytes do not match its checksum" },
  range_not_satisfiable: { status: 416, retry: false, title: "There are no such bytes" },
  queue_full: { status: 503, retry: true, title: "Too many jobs are waiting" },
  not_ready: { status: 503, retry: true, title: "The server cannot accept work right now" },
  store_failed: { status: 503, retry: true, title: "The store did not confirm the change; its outcome is unknown" },
  no_provider_key: { status: 503, retry: false, title: "The server has no key for this provider" },
  provider_quota: { status: 429, retry: false, title: "The model provider takes no more calls before a time" },
  provider_unreachable: { status: 502, retry: true, title: "The model provider gave no usable answer" },
  egress_blocked: { status: 403, retry: false, title: "This job may not reach that host" },
  egress_unreachable: { status: 502, retry: true, title: "The host a job wanted to reach did not answer" },
  stale_schedule: { status: 409, retry: false, title: "The schedule was changed meanwhile" },
  managed_by_file: { status: 409, retry: false, title: "This stands in hive.yaml and is changed there" },
  stale_cursor: { status: 409, retry: false, title: "The source was read by somebody else meanwhile" },
  stale_group: { status: 409, retry: false, title: "The group went on meanwhile" },
  source_busy: { status: 503, retry: true, title: "The source has more to look at than it may keep" },
  too_many_requests: { status: 429, retry: true, title: "Too many requests" },
  internal: { status: 500, retry: true, title: "Something in the server broke" },
} as const satisfies Record<string, { status: number; retry: boolean; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** Details a caller can use: ids, the bad value, what was expected. Never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * An error with a stable code. `message` names the bad value and the next step and may be shown to the caller.
 * Anything else that is thrown is a bug and becomes `internal`.
 */
export class HiveError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "HiveError";
    this.code = code;
    this.details = details;
  }
}
