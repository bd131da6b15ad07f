/**
 * A connection to the daemon that an exec's input and output run over: an HTTP request that asks
 * for an upgrade, after which both sides send bytes and may end their half on their own.
 */
import { type Answer, type DockerApi, refused, transportError } from "./docker_api.ts";
import { deadline } from "./docker_deadline.ts";
import { MAX_HEAD_BYTES, MAX_REFUSAL_BYTES, READ_BYTES, REQUEST_MS } from "./docker_limits.ts";
import { ProviderError } from "./provider.ts";

export type Hijacked = {
  /** What has come, or null at the end. Throws `ProviderError("unreachable")` when it was cut. */
  read(): Promise<Uint8Array | null>;
  /** Whether the other side tore it down, rather than end it. */
  readonly wasReset: boolean;
  /** Waits while the other side does not read. */
  write(data: Uint8Array): Promise<void>;
  /** Ends our half. */
  closeWrite(): Promise<void>;
  /** Ends both; what waits for it is rejected. Again is no error. */
  close(): void;
};

/** Asks for an upgrade of `path`. Throws `ProviderError` or the signal's reason. */
export async function hijack(
  api: DockerApi,
  path: string,
  { action, signal, body }: { action: string; signal: AbortSignal; body: unknown },
): Promise<Hijacked> {
  const version = await api.version(signal);
  const { socket, clock } = api;
  const limit = deadline(clock, { signal, limitMs: REQUEST_MS, action, socket });
  let connection: Deno.UnixConn | undefined;
  let closed = false;
  const close = () => {
    if (!closed) connection?.close();
    closed = connection !== undefined;
  };
  try {
    connection = await Deno.connect({ transport: "unix", path: socket });
    limit.signal.throwIfAborted();
    limit.signal.addEventListener("abort", close, { once: true });
    await writeAll(connection, requestOf(`/v${version}${path}`, body));
    const { status, rest } = await readHead(connection);
    if (status !== 101) throw refused(await readRefusal(connection, status, rest), action);
    limit.signal.removeEventListener("abort", close);
    limit.signal.throwIfAborted();
    return overConnection(connection, { rest, action, socket });
  } catch (error) {
    close();
    limit.signal.throwIfAborted();
    throw transportError(error, action, socket);
  } finally {
    limit.signal.removeEventListener("abort", close);
    limit.end();
  }
}

function overConnection(
  connection: Deno.UnixConn,
  { rest, action, socket }: { rest: Uint8Array; action: string; socket: string },
): Hijacked {
  let first: Uint8Array | null = rest.length > 0 ? rest : null;
  let closed = false;
  let wasReset = false;
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw transportError(error, action, socket);
    }
  };
  return {
    read: () =>
      explained(async () => {
        const before = first;
        first = null;
        if (before !== null) return before;
        const buffer = new Uint8Array(READ_BYTES);
        try {
          const count = await connection.read(buffer);
          return count === null ? null : buffer.subarray(0, count);
        } catch (error) {
          if (!isReset(error)) throw error;
          wasReset = true;
          return null;
        }
      }),
    get wasReset() {
      return wasReset;
    },
    write: (data) => explained(() => writeAll(connection, data)),
    closeWrite: () => explained(() => connection.closeWrite()),
    close() {
      if (!closed) connection.close();
      closed = true;
    },
  };
}

/**
 * A daemon that ends a connection while it has input that nobody read resets it; all output came
 * before. Whether the command has ended is for the daemon to say.
 */
function isReset(error: unknown): boolean {
  const { ConnectionReset, BrokenPipe } = Deno.errors;
  return error instanceof ConnectionReset || error instanceof BrokenPipe;
}

function requestOf(path: string, body: unknown): Uint8Array {
  const content = new TextEncoder().encode(JSON.stringify(body));
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: docker",
    "Content-Type: application/json",
    "Connection: Upgrade",
    "Upgrade: tcp",
    `Content-Length: ${content.length}`,
  ].join("\r\n");
  return new Uint8Array([...new TextEncoder().encode(`${head}\r\n\r\n`), ...content]);
}

/** Reads up to the empty line; `rest` is what came after it. */
async function readHead(
  connection: Deno.UnixConn,
): Promise<{ status: number; rest: Uint8Array }> {
  const buffer = new Uint8Array(MAX_HEAD_BYTES);
  let filled = 0;
  while (filled < buffer.length) {
    const count = await connection.read(buffer.subarray(filled));
    if (count === null) throw new Error("it ended before an answer");
    filled += count;
    const text = new TextDecoder("latin1").decode(buffer.subarray(0, filled));
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    return { status: statusOf(text.slice(0, end)), rest: buffer.slice(end + 4, filled) };
  }
  throw notHttp(`its head is longer than ${MAX_HEAD_BYTES} bytes`);
}

function statusOf(head: string): number {
  const [first = "", ...fields] = head.split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw notHttp(`it begins with ${JSON.stringify(first.slice(0, 80))}`);
  const broken = fields.find((field) => !/^[\w!#$%&'*+.^`|~-]+:/.test(field));
  if (broken !== undefined) throw notHttp(`a field is ${JSON.stringify(broken.slice(0, 80))}`);
  return Number(status);
}

function notHttp(what: string): ProviderError {
  return new ProviderError("failed", `Cannot read docker's answer: ${what}`);
}

/** The text of a refusal, which may come in chunks; what of it is JSON is found. */
async function readRefusal(
  connection: Deno.UnixConn,
  status: number,
  rest: Uint8Array,
): Promise<Answer> {
  let text = new TextDecoder().decode(rest);
  const buffer = new Uint8Array(READ_BYTES);
  while (text.length < MAX_REFUSAL_BYTES && !/\{[^]*\}/.test(text)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return { status, text: /\{[^]*\}/.exec(text)?.[0] ?? text };
}

async function writeAll(connection: Deno.UnixConn, data: Uint8Array): Promise<void> {
  let at = 0;
  while (at < data.length) at += await connection.write(data.subarray(at));
}
