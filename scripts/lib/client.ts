/**
 * A small client for a running server, over `fetch`. Answers are parsed; a refusal is an error
 * with the server's own words and an exit code; a server that cannot be reached is one line that
 * says how to start it.
 */
import type { z } from "zod";
import { Problem } from "./answers.ts";
import { EXIT, ExitError } from "./exit_codes.ts";
import { visibleLines } from "./output.ts";
import { readEvents, readLines, type ServerEvent } from "./sse.ts";

/** Longest wait for an answer that is not a stream. */
const REQUEST_MS = 90_000;
/** A stream that is silent for longer is dead: the server shows a sign of life every 15 s. */
const SILENCE_MS = 45_000;
/** Faults of the input that are shown; the server says how many there are. */
const MAX_SHOWN_FAULTS = 10;

export type Query = { readonly [name: string]: string | number | readonly string[] | undefined };

type Wanted<T> = {
  schema: z.ZodType<T>;
  /** Statuses beside success that have such an answer too. */
  alsoOn?: readonly number[];
};

export type Client = {
  readonly url: string;
  get<T>(path: string, options: Wanted<T> & { query?: Query }): Promise<T>;
  /** `key` makes it safe to send again. */
  post<T>(path: string, body: unknown, options: Wanted<T> & { key?: string }): Promise<T>;
  /** A JSON merge patch. */
  patch<T>(path: string, body: unknown, options: Wanted<T>): Promise<T>;
  delete<T>(path: string, options: Wanted<T> & { query?: Query }): Promise<T>;
  text(path: string): Promise<string>;
  /** Lines of NDJSON, as they come; of what is posted, where there is a body. */
  lines(path: string, options?: LinesOptions): AsyncGenerator<string>;
  /** Server-sent events, as they come. */
  events(path: string, options?: EventsOptions): AsyncGenerator<ServerEvent>;
  /** A WebSocket that is being opened. */
  socket(path: string, query?: Query): WebSocket;
};

export type LinesOptions = { body?: unknown; signal?: AbortSignal };

export type EventsOptions = {
  /** The id of the last event that was seen. */
  after?: string | undefined;
  query?: Query;
  signal?: AbortSignal | undefined;
  /** Called when the connection stands. */
  onOpen?: () => void;
};

/** The server refused. */
export class RefusedError extends ExitError {
  override name = "RefusedError";
  constructor(readonly problem: Problem) {
    super(exitCodeOf(problem.status), messageOf(problem));
  }
}

/** The server does not answer, or the connection broke off. */
export class UnreachableError extends ExitError {
  override name = "UnreachableError";
  constructor(url: string, cause: unknown) {
    super(
      EXIT.unavailable,
      `Cannot reach the server at ${url}: ${reasonOf(cause)}; start it with "deno task start", ` +
        "or say where it is with HOLDFAST_LISTEN or --url",
      { cause },
    );
  }
}

export function createClient({ url, token }: { url: string; token: string | null }): Client {
  const call = (path: string, init: Init) => request({ url, token }, path, init);
  return {
    url,
    async get(path, { schema, query, alsoOn }) {
      return await json(url, schema, await call(path, { query, alsoOn }));
    },
    async post(path, body, { schema, key, alsoOn }) {
      const headers = {
        "content-type": "application/json",
        ...(key === undefined ? {} : { "idempotency-key": key }),
      };
      const init = { method: "POST", headers, body: JSON.stringify(body), alsoOn };
      return await json(url, schema, await call(path, init));
    },
    async patch(path, body, { schema, alsoOn }) {
      const headers = { "content-type": "application/merge-patch+json" };
      const init = { method: "PATCH", headers, body: JSON.stringify(body), alsoOn };
      return await json(url, schema, await call(path, init));
    },
    async delete(path, { schema, query, alsoOn }) {
      return await json(url, schema, await call(path, { method: "DELETE", query, alsoOn }));
    },
    async text(path) {
      const response = await call(path, {});
      return await reaching(url, () => response.text());
    },
    async *lines(path, { body, signal } = {}) {
      const accept = { accept: "application/x-ndjson" };
      const posted = body === undefined ? { headers: accept } : {
        method: "POST",
        headers: { ...accept, "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      const response = await call(path, {
        ...posted,
        ...(signal && { signal }),
        timeoutMs: Infinity,
      });
      try {
        for await (const line of readLines(response)) if (line !== "") yield line;
      } catch (error) {
        throw isBroken(error) ? new UnreachableError(url, error) : error;
      }
    },
    async *events(path, { after, query, signal, onOpen } = {}) {
      const watchdog = createWatchdog(SILENCE_MS, signal);
      const headers = {
        accept: "text/event-stream",
        ...(after === undefined ? {} : { "last-event-id": after }),
      };
      try {
        const response = await call(path, { headers, query, signal: watchdog.signal });
        onOpen?.();
        yield* readEvents(response, watchdog.feed);
      } catch (error) {
        if (signal?.aborted) return;
        throw isBroken(error) ? new UnreachableError(url, error) : error;
      } finally {
        watchdog.stop();
      }
    },
    socket(path, query) {
      const headers = bearer(token);
      return new WebSocket(`${url.replace(/^http/, "ws")}${path}${queryText(query)}`, { headers });
    },
  };
}

type Init = {
  method?: string;
  headers?: { readonly [name: string]: string };
  body?: string;
  query?: Query | undefined;
  signal?: AbortSignal;
  timeoutMs?: number;
  alsoOn?: readonly number[] | undefined;
};

/** Sends a request. Throws `UnreachableError` or, where the answer is no success, `RefusedError`. */
async function request(
  { url, token }: { url: string; token: string | null },
  path: string,
  { query, timeoutMs = REQUEST_MS, alsoOn = [], ...init }: Init,
): Promise<Response> {
  const signal = init.signal ??
    (Number.isFinite(timeoutMs) ? AbortSignal.timeout(timeoutMs) : undefined);
  const headers = { ...init.headers, ...bearer(token) };
  const response = await reaching(
    url,
    () =>
      fetch(`${url}${path}${queryText(query)}`, { ...init, headers, ...(signal && { signal }) }),
  );
  if (response.ok || alsoOn.includes(response.status)) return response;
  throw new RefusedError(await problemOf(response));
}

function bearer(token: string | null): { authorization?: string } {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

async function json<T>(url: string, schema: z.ZodType<T>, response: Response): Promise<T> {
  const result = schema.safeParse(await reaching(url, () => response.json()));
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => issue.path.join(".")).join(", ");
  throw new ExitError(
    EXIT.failed,
    `Cannot read the answer of ${url}: ${fields} is not as expected; is it this version's server?`,
  );
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text();
  if (response.headers.get("content-type")?.startsWith("application/problem+json")) {
    const parsed = Problem.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  }
  const { status, statusText, url } = response;
  const detail = `Cannot use ${url}: it answered ${status} ${statusText}`.trimEnd();
  return { type: "about:blank", title: statusText, status, detail };
}

function exitCodeOf(status: number): number {
  if (status === 404) return EXIT.notFound;
  if (status === 400 || status === 422) return EXIT.usage;
  return status === 503 ? EXIT.unavailable : EXIT.failed;
}

function messageOf({ status, detail, errors = [] }: Problem): string {
  const hint = status === 401 ? "; HOLDFAST_TOKEN is the place for it" : "";
  // One fault is in the detail already.
  const faults = errors.length < 2 ? [] : errors.slice(0, MAX_SHOWN_FAULTS);
  const lines = [
    `${detail}${hint}`,
    ...faults.map((fault) => `  ${fault.pointer ?? fault.name ?? ""}: ${fault.detail}`),
  ];
  return visibleLines(lines.join("\n"));
}

async function reaching<T>(url: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw isBroken(error) ? new UnreachableError(url, error) : error;
  }
}

/** What `fetch` throws when there is no connection, it breaks off or takes too long. */
function isBroken(error: unknown): boolean {
  return error instanceof TypeError ||
    error instanceof DOMException && ["TimeoutError", "AbortError"].includes(error.name);
}

/** The last words of the innermost error: those say it. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.cause !== undefined) return reasonOf(cause.cause);
  if (/connection refused/i.test(cause.message)) return "nothing listens there";
  return cause.message.slice(cause.message.lastIndexOf(": ") + 1).trim();
}

function queryText(query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== undefined) params.append(name, String(one));
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

/** Aborts when it is not fed for a while, or when the caller's signal does. */
function createWatchdog(silenceMs: number, signal: AbortSignal | undefined) {
  const silence = new AbortController();
  const bark = () => silence.abort(new DOMException("the server fell silent", "TimeoutError"));
  let timer = setTimeout(bark, silenceMs);
  return {
    signal: signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]),
    feed: () => {
      clearTimeout(timer);
      timer = setTimeout(bark, silenceMs);
    },
    stop: () => clearTimeout(timer),
  };
}
