/**
 * One HTTP request to a port in a VM, and its answer, both streamed: neither is ever held whole,
 * and whoever reads slowly holds the other up. Which headers pass is not this file's matter.
 */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Clock } from "../../runtime/clock.ts";
import { duplexOf } from "./forward_duplex.ts";
import { FORWARD_WAIT_MS, MAX_FORWARD_HEADER_BYTES } from "./forward_limits.ts";
import type { VmConnection } from "./provider.ts";

export type HeaderList = readonly (readonly [name: string, value: string])[];

export type ForwardRequest = {
  method: string;
  /** Path and query. */
  target: string;
  headers: HeaderList;
  body: ReadableStream<Uint8Array> | null;
};

export type ForwardAnswer = {
  status: number;
  headers: HeaderList;
  body: ReadableStream<Uint8Array>;
  /** Resolves when the body was sent whole or given up; never throws. */
  ended: Promise<void>;
};

/** What listens on a port did not answer as HTTP wants it, or not in time. */
export class ForwardError extends Error {
  /** Always `ForwardError`. */
  override name = "ForwardError";
}

/** Sends the request. The connection is closed at the end of all. Throws `ForwardError`. */
export async function forwardRequest(
  connection: VmConnection,
  { method, target, headers, body }: ForwardRequest,
  { clock, signal }: { clock: Pick<Clock, "now" | "wake">; signal: AbortSignal },
): Promise<ForwardAnswer> {
  const outgoing = request({
    method,
    path: target,
    headers: headers.flat(),
    setHost: false,
    maxHeaderSize: MAX_FORWARD_HEADER_BYTES,
    createConnection: () => duplexOf(connection),
  });
  const abort = () => outgoing.destroy(new ForwardError("the caller has gone"));
  const cancel = clock.wake(
    clock.now() + FORWARD_WAIT_MS,
    () => outgoing.destroy(new ForwardError(`no answer came in ${FORWARD_WAIT_MS} ms`)),
  );
  signal.addEventListener("abort", abort, { once: true });
  try {
    const answered = answerTo(outgoing);
    send(outgoing, body);
    return answerOf(await answered, outgoing);
  } catch (error) {
    outgoing.destroy();
    const reason = error instanceof Error ? error.message : String(error);
    throw new ForwardError(reason, { cause: error });
  } finally {
    cancel();
    signal.removeEventListener("abort", abort);
  }
}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.on("error", reject);
    outgoing.once("close", () => reject(new ForwardError("it closed the connection")));
  });
}

function send(outgoing: ClientRequest, body: ReadableStream<Uint8Array> | null): void {
  if (body === null) return void outgoing.end();
  // An answer may come, and end all, before the request has gone out whole.
  pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), outgoing).catch(
    (error: Error) => void outgoing.destroy(error),
  );
}

function answerOf(incoming: IncomingMessage, outgoing: ClientRequest): ForwardAnswer {
  const { rawHeaders, statusCode = 502 } = incoming;
  const ended = new Promise<void>((resolve) => incoming.once("close", resolve));
  void ended.then(() => outgoing.destroy());
  const pairs = Array.from(
    { length: rawHeaders.length / 2 },
    (_, i) => [rawHeaders[2 * i] ?? "", rawHeaders[2 * i + 1] ?? ""] as const,
  );
  const body = Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  return { status: statusCode, headers: pairs, body, ended };
}
