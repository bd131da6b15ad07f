/**
 * Every error as a problem (RFC 9457), in one place: which status, type, title and members an
 * error of the runtime or the edge becomes. What is unknown is a 500 that says nothing of itself.
 */
import { HTTPException } from "hono/http-exception";
import { ProviderError, type ProviderErrorCode } from "../actors/adapters/vm/provider.ts";
import type { JsonObject } from "../actors/runtime/json.ts";
import {
  AlreadyExistsError,
  BlockedError,
  DrainingError,
  EventFailedError,
  InvalidPayloadError,
  KeyReusedError,
  NotAcceptedError,
  NotFoundError,
  OverloadedError,
  RevisionConflictError,
  StoreError,
  TooLargeError,
} from "../actors/runtime/errors.ts";
import { VmUnavailableError } from "../actors/vm_access.ts";
import { VmFileError, type VmFileErrorCode } from "../actors/vm_files.ts";
import { MAX_LISTED_ERRORS, STREAM_RETRY_AFTER_S, UNAVAILABLE_RETRY_AFTER_S } from "./limits.ts";

/** Status and title by the last part of the problem's type. */
const PROBLEMS = {
  "malformed": [400, "Malformed request"],
  "contradictory": [400, "Fields contradict each other"],
  "invalid-schedule": [400, "No usable schedule"],
  "unauthorized": [401, "Token wanted"],
  "forbidden": [403, "Forbidden"],
  "not-found": [404, "Not found"],
  "method-not-allowed": [405, "Method not allowed"],
  "not-accepted": [409, "Not accepted in this state"],
  "already-exists": [409, "Already exists"],
  "blocked": [409, "Blocked by its definition"],
  "provider-unavailable": [409, "Provider cannot run here"],
  "vm-unavailable": [409, "VM cannot be used"],
  "vm-unfit": [409, "VM lacks what this needs"],
  "vm-in-use": [409, "A task works in the VM"],
  "session-held": [409, "Somebody else is in the session"],
  "revision-conflict": [412, "Another revision is in force"],
  "too-large": [413, "Too large"],
  "url-too-long": [414, "URL too long"],
  "unsupported-media-type": [415, "Unsupported media type"],
  "misdirected": [421, "Host not served here"],
  "invalid": [422, "Invalid input"],
  "key-reused": [422, "Key used before for something else"],
  "event-failed": [422, "Event could not be applied"],
  "upgrade-required": [426, "WebSocket wanted"],
  "too-many-streams": [429, "Too many open streams"],
  "client-gone": [499, "Caller did not wait for the answer"],
  "internal": [500, "Internal error"],
  "provider-failed": [502, "Provider failed"],
  "port-failed": [502, "What listens on the port failed"],
  "port-closed": [502, "Nothing listens on the port"],
  "overloaded": [503, "Too much work waiting"],
  "draining": [503, "Shutting down"],
  "store-full": [503, "Disk full"],
  "store-failed": [503, "Store failed"],
  "provider-unreachable": [503, "Provider does not answer"],
  "timed-out": [504, "Took too long"],
} as const satisfies { [slug: string]: readonly [number, string] };

export type ProblemSlug = keyof typeof PROBLEMS;

/** One fault of the input: a JSON pointer into the body, or the name of a parameter. */
export type InputFault =
  | { detail: string; pointer: string }
  | { detail: string; in: "query" | "path" | "header"; name: string };

export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance?: string;
  errors?: InputFault[];
  [member: string]: unknown;
};

/** A problem with the headers that go with it. */
export type Refusal = { problem: Problem; headers: { [name: string]: string } };

type More = { errors?: readonly InputFault[]; members?: JsonObject; headers?: Refusal["headers"] };

/** Thrown by the edge to answer with a problem. */
export class ProblemError extends Error {
  override name = "ProblemError";
  constructor(readonly slug: ProblemSlug, detail: string, readonly more: More = {}) {
    super(detail);
  }
}

/** Input that is not what is wanted, fault by fault. */
export function invalidInput(
  faults: readonly InputFault[],
  slug: "invalid" | "contradictory" | "invalid-schedule" = "invalid",
): ProblemError {
  const first = faults[0];
  if (first === undefined) throw new TypeError("Cannot refuse input: no fault given");
  const where = "pointer" in first ? first.pointer || "the body" : first.name;
  const others = faults.length > 1 ? `, and ${faults.length - 1} more` : "";
  return new ProblemError(slug, `Cannot take ${where}: ${first.detail}${others}`, {
    errors: faults.slice(0, MAX_LISTED_ERRORS),
  });
}

/** What an error is answered with. `redact` takes secrets out of what is quoted. */
export function refusalOf(error: unknown, redact: (text: string) => string): Refusal {
  const { slug, detail, more } = describe(error);
  const [status, title] = PROBLEMS[slug];
  const problem: Problem = {
    type: `urn:holdfast:problem:${slug}`,
    title,
    status,
    detail: redact(detail),
    ...more.members,
  };
  if (more.errors !== undefined) {
    problem.errors = more.errors.map((fault) => ({ ...fault, detail: redact(fault.detail) }));
  }
  return { problem, headers: more.headers ?? {} };
}

/** Whether an error says that the server failed, rather than that it refused. */
export function isFailure(error: unknown): boolean {
  return PROBLEMS[describe(error).slug][0] === 500 || error instanceof StoreError;
}

type Description = { slug: ProblemSlug; detail: string; more: More };

function describe(error: unknown): Description {
  if (error instanceof ProblemError) {
    return { slug: error.slug, detail: error.message, more: error.more };
  }
  if (error instanceof NotAcceptedError) {
    const members = { state: error.state, accepts: error.accepts };
    return { slug: "not-accepted", detail: error.message, more: { members } };
  }
  if (error instanceof RevisionConflictError) {
    const members = { revision: error.actual };
    return { slug: "revision-conflict", detail: error.message, more: { members } };
  }
  if (error instanceof OverloadedError) {
    const seconds = Math.max(1, Math.ceil(error.retryAfterMs / 1000));
    return { slug: "overloaded", detail: error.message, more: retryAfter(seconds) };
  }
  if (error instanceof StoreError) return describeStoreError(error);
  if (error instanceof ProviderError) return describeProviderError(error);
  if (error instanceof VmFileError) {
    const members = { code: error.code };
    return { slug: FILE_PROBLEMS[error.code], detail: error.message, more: { members } };
  }
  if (error instanceof VmUnavailableError) {
    const members = { state: error.state };
    return { slug: "vm-unavailable", detail: error.message, more: { members } };
  }
  return describePlain(error);
}

function describePlain(error: unknown): Description {
  const is = (slug: ProblemSlug, more: More = {}) => ({
    slug,
    detail: error instanceof Error ? error.message : "",
    more,
  });
  if (error instanceof NotFoundError) return is("not-found");
  if (error instanceof AlreadyExistsError) return is("already-exists");
  if (error instanceof BlockedError) return is("blocked");
  if (error instanceof KeyReusedError) return is("key-reused");
  if (error instanceof EventFailedError) return is("event-failed");
  if (error instanceof TooLargeError) return is("too-large");
  if (error instanceof InvalidPayloadError) return is("invalid");
  if (error instanceof DrainingError) return is("draining", retryAfter(UNAVAILABLE_RETRY_AFTER_S));
  if (error instanceof HTTPException && error.status < 500) return is("malformed");
  if (error instanceof DOMException && error.name === "TimeoutError") return is("timed-out");
  return { slug: "internal", detail: "The server failed; its log says why", more: {} };
}

/** A full disk can be mended by the caller's host; the rest is for the log. */
function describeStoreError(error: StoreError): Description {
  const more = retryAfter(UNAVAILABLE_RETRY_AFTER_S);
  if (error.failure === "full") {
    return { slug: "store-full", detail: "Cannot store the event: the disk is full", more };
  }
  const detail = `Cannot reach the store (${error.failure}); the log says why`;
  return { slug: "store-failed", detail, more };
}

const PROVIDER_PROBLEMS: { readonly [code in ProviderErrorCode]: ProblemSlug } = {
  not_found: "vm-unavailable",
  not_running: "vm-unavailable",
  unreachable: "provider-unreachable",
  invalid: "invalid",
  failed: "provider-failed",
  command_not_found: "invalid",
  cwd_not_found: "invalid",
  port_closed: "port-closed",
};

function describeProviderError({ code, message }: ProviderError): Description {
  const { headers = {} } = code === "unreachable" ? retryAfter(UNAVAILABLE_RETRY_AFTER_S) : {};
  return { slug: PROVIDER_PROBLEMS[code], detail: message, more: { members: { code }, headers } };
}

const FILE_PROBLEMS: { readonly [code in VmFileErrorCode]: ProblemSlug } = {
  invalid_path: "invalid",
  outside: "forbidden",
  not_found: "not-found",
  not_a_directory: "invalid",
  is_directory: "invalid",
  not_a_file: "invalid",
  permission_denied: "forbidden",
  already_exists: "already-exists",
  too_large: "too-large",
  no_git: "vm-unfit",
  no_repository: "vm-unfit",
  unsupported: "vm-unfit",
  failed: "provider-failed",
};

function retryAfter(seconds: number): More {
  return { headers: { "retry-after": String(seconds) } };
}

/** No more streams at present. */
export function tooManyStreams(limit: number): ProblemError {
  const headers = { "retry-after": String(STREAM_RETRY_AFTER_S) };
  return new ProblemError("too-many-streams", `Cannot open a stream: ${limit} are open`, {
    headers,
  });
}
