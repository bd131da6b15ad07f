/**
 * Requests to the daemon: HTTP over its unix socket, in a version of the API that both know, each
 * with a deadline and a bounded answer. It knows of no containers; what a refusal means beyond its
 * status is for the caller to say.
 */
import type { z } from "zod";
import type { Clock } from "../../runtime/clock.ts";
import { unlessAborted } from "../executor/waiting.ts";
import { deadline } from "./docker_deadline.ts";
import {
  ENGINE_ADDRESS,
  MAX_ANSWER_BYTES,
  MAX_API_VERSION,
  MIN_API_VERSION,
  PING_MS,
  REQUEST_MS,
} from "./docker_limits.ts";
import { refusalSchema } from "./docker_answers.ts";
import { ProviderError } from "./provider.ts";

export type Query = { readonly [name: string]: string | number | boolean };

export type DockerRequest = {
  /** For errors: `start vm "vm_1"`. */
  action: string;
  signal: AbortSignal;
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  limitMs?: number;
};

/** An answer of any status. */
export type Answer = { status: number; text: string };

export type Method = "GET" | "POST" | "DELETE";

export type DockerApi = {
  readonly socket: string;
  readonly clock: Clock;
  /** The version of the API that is spoken; asked once, and again after a failure. */
  version(signal: AbortSignal): Promise<string>;
  /** Sends a request and reads the answer whole. */
  send(method: Method, path: string, request: DockerRequest): Promise<Answer>;
  /**
   * Sends a request and hands over the answer while it comes. `alive` puts the deadline off again,
   * for as long as `take` calls it.
   */
  follow<T>(
    path: string,
    request: DockerRequest & { limitMs: number },
    take: (response: Response, alive: () => void) => Promise<T>,
  ): Promise<T>;
};

/** Opens nothing yet: the first request does. */
export function createDockerApi({ socket, clock }: { socket: string; clock: Clock }): DockerApi {
  const at = { socket, clock };
  let known: Promise<string> | undefined;

  const version = async (signal: AbortSignal): Promise<string> => {
    known ??= negotiate(at);
    try {
      const chosen = await unlessAborted(signal, known);
      if (chosen !== undefined) return chosen;
    } catch (error) {
      known = undefined;
      throw error;
    }
    throw signal.reason;
  };
  const versioned = async <T>(
    method: Method,
    path: string,
    request: Exchange<T>,
  ): Promise<T> => {
    try {
      return await exchange(at, method, `/v${await version(request.signal)}${path}`, request);
    } catch (error) {
      // Another daemon may answer next time.
      if (error instanceof ProviderError && error.code === "unreachable") known = undefined;
      throw error;
    }
  };
  return {
    socket,
    clock,
    version,
    follow: (path, request, take) => versioned("POST", path, { ...request, take }),
    send: (method, path, request) => versioned(method, path, { ...request, take: readAnswer }),
  };
}

/** Not ended by the signal of the one who happens to ask first; the deadline is short. */
function negotiate(at: { socket: string; clock: Clock }): Promise<string> {
  return exchange(at, "GET", "/_ping", {
    action: "use docker",
    signal: new AbortController().signal,
    limitMs: PING_MS,
    take: async (response) => {
      await readText(response);
      if (response.ok) return chooseVersion(response.headers.get("api-version"));
      throw new ProviderError("unreachable", `Cannot use docker: it answers ${response.status}`);
    },
  });
}

type Exchange<T> = DockerRequest & {
  take: (response: Response, alive: () => void) => Promise<T>;
};

/** One request and its answer, within its deadline. */
async function exchange<T>(
  { socket, clock }: { socket: string; clock: Clock },
  method: Method,
  path: string,
  { action, signal, query = {}, body, limitMs = REQUEST_MS, take }: Exchange<T>,
): Promise<T> {
  signal.throwIfAborted();
  const parameters = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, String(value)]),
  );
  const limit = deadline(clock, { signal, limitMs, action, socket });
  let client: Deno.HttpClient | undefined;
  try {
    // One for each request: a kept connection would be a stale one after the daemon's restart.
    client = Deno.createHttpClient({
      proxy: { transport: "unix", path: socket },
      poolMaxIdlePerHost: 0,
    });
    const response = await fetch(`http://${ENGINE_ADDRESS}${path}?${parameters}`, {
      client,
      method,
      signal: limit.signal,
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    try {
      return await take(response, limit.extend);
    } finally {
      // What was not read, since it was too much or wrong.
      if (!response.bodyUsed) await response.body?.cancel();
    }
  } catch (error) {
    limit.signal.throwIfAborted();
    throw transportError(error, action, socket);
  } finally {
    limit.end();
    client?.close();
  }
}

async function readAnswer(response: Response): Promise<Answer> {
  return { status: response.status, text: await readText(response) };
}

/** The answer's JSON, or `ProviderError` where the daemon refuses or does not keep to its API. */
export function parse<T>(schema: z.ZodType<T>, answer: Answer, action: string): T {
  if (answer.status >= 400) throw refused(answer, action);
  const parsed = schema.safeParse(parseJson(answer.text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join(".") || "the whole";
  throw new ProviderError(
    "failed",
    `Cannot ${action}: docker's answer is not what its API says: ${where}: ${issue?.message}`,
  );
}

/** Throws `ProviderError` unless the request was carried out, or had been. */
export function check(answer: Answer, action: string): void {
  if (answer.status >= 400) throw refused(answer, action);
}

/** A refusal as an error. */
export function refused(answer: Answer, action: string): ProviderError {
  const reason = reasonOf(answer);
  return new ProviderError(codeOf(answer.status, reason), `Cannot ${action}: ${reason}`);
}

/** What the daemon says is wrong. */
export function reasonOf({ status, text }: Answer): string {
  const parsed = refusalSchema.safeParse(parseJson(text));
  const { message, cause } = parsed.success ? parsed.data : {};
  return message || cause || `docker answers ${status} ${text.slice(0, 200)}`.trim();
}

/** Why a connection did not carry an answer. */
export function transportError(error: unknown, action: string, socket: string): ProviderError {
  if (error instanceof ProviderError) return error;
  const text = deepestMessage(error);
  const known = TRANSPORT_TROUBLE.find(({ pattern }) => pattern.test(text));
  const reason = error instanceof Deno.errors.NotCapable
    ? `Deno does not let this server use the socket ${socket}: ${text}`
    : known === undefined
    ? `the connection to docker at ${socket} was cut: ${text}`
    : known.reason(socket);
  return new ProviderError("unreachable", `Cannot ${action}: ${reason}`, { cause: error });
}

/** `fetch` itself says no more than that it failed. */
function deepestMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : deepestMessage(error.cause);
}

const TRANSPORT_TROUBLE: readonly { pattern: RegExp; reason: (socket: string) => string }[] = [
  {
    pattern: /No such file|os error 2\b/,
    reason: (socket) =>
      `there is no socket ${socket}: install docker or podman, or set HOLDFAST_DOCKER_SOCKET`,
  },
  {
    pattern: /refused|os error 111\b/,
    reason: (socket) => `nobody listens on ${socket}: start docker or podman's API service`,
  },
  {
    pattern: /denied|os error 13\b/,
    reason: (socket) =>
      `this user may not use ${socket}: add it to the socket's group, or set HOLDFAST_DOCKER_SOCKET`,
  },
];

function codeOf(status: number, reason: string): ProviderError["code"] {
  if (status === 404) return "not_found";
  if (/container state improper|is not running|is paused/i.test(reason)) return "not_running";
  if (status === 409) return "not_running";
  return status === 400 ? "invalid" : "failed";
}

/** The newest version that both know. Throws `ProviderError("unreachable")`. */
export function chooseVersion(offered: string | null): string {
  if (offered === null || !/^\d{1,3}\.\d{1,3}$/.test(offered)) {
    throw new ProviderError(
      "unreachable",
      "Cannot use docker: what answers is no docker or podman",
    );
  }
  if (compareVersions(offered, MIN_API_VERSION) < 0) {
    throw new ProviderError(
      "unreachable",
      `Cannot use docker: its API is ${offered}, at least ${MIN_API_VERSION} is needed: update it`,
    );
  }
  return compareVersions(offered, MAX_API_VERSION) < 0 ? offered : MAX_API_VERSION;
}

function compareVersions(left: string, right: string): number {
  const [major = 0, minor = 0] = left.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = right.split(".").map(Number);
  return major - otherMajor || minor - otherMinor;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new ProviderError(
        "failed",
        `Cannot read docker's answer: it is longer than ${MAX_ANSWER_BYTES} bytes`,
      );
    }
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}
