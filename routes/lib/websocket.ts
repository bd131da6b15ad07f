/**
 * One WebSocket of a caller: made from a request, counted among the streams that are open, asked
 * now and then whether it still lives, and ended with a code that says why. What is said over it
 * is not this file's matter. That it is not a foreign page's is seen to by `auth.ts`.
 */
import type { Context } from "hono";
import type { JsonObject } from "../../actors/runtime/json.ts";
import type { Api, Env } from "../endpoint.ts";
import { ProblemError } from "../errors.ts";
import { isUpgrade, offeredProtocols, PROTOCOL } from "./websocket_protocols.ts";

/** Why the server ends a connection; the numbers are ours from 4000 on (RFC 6455, 7.4.2). */
export const CLOSE = {
  normal: 1000,
  /** The server stops; what was worked in goes on. */
  goingAway: 1001,
  failed: 1011,
  /** It did not take what it was sent. */
  tooSlow: 4408,
  /** What it worked in is over: the VM was recycled or has failed. */
  gone: 4410,
  /** It sent faster than was taken. */
  tooMuch: 4413,
} as const;

/** Longest reason, bytes: it shares a control frame with its code. */
const MAX_REASON_BYTES = 123;

export type SocketMessage = string | Uint8Array<ArrayBuffer>;

export type Socket = {
  sendJson(message: JsonObject): void;
  sendBytes(data: Uint8Array<ArrayBuffer>): void;
  sendText(text: string): void;
  /** What the peer has not taken yet. */
  bufferedBytes(): number;
  close(code: number, reason: string): void;
  /** Aborted when the connection is ended, by whomever. */
  readonly signal: AbortSignal;
};

/** What is done with what comes. */
export type SocketHandler = {
  message(data: SocketMessage): void;
  /** With the code and reason of the peer, or those of `close`; before the signal, if by the peer. */
  ended?(code: number, reason: string): void;
};

export type SocketOptions = {
  /** How often a silent peer is asked whether it lives. One that does not answer is ended. */
  pingMs: number;
  /** Chosen of those that the peer offers; default ours, where it is offered. */
  protocol?: string;
  /** Called once it is open. */
  opened(socket: Socket): SocketHandler;
};

/** Throws the problem that says so where a request is not for a WebSocket. */
export function wantUpgrade(c: Context): void {
  if (isUpgrade(c.req)) return;
  throw new ProblemError("upgrade-required", "Cannot answer but over a WebSocket", {
    headers: { upgrade: "websocket", connection: "Upgrade" },
  });
}

/** Makes the connection; the answer is the handshake's. Throws where too many are open. */
export async function openSocket(
  api: Api,
  c: Context<Env>,
  options: SocketOptions,
): Promise<Response> {
  wantUpgrade(c);
  const handshake = Promise.withResolvers<Response>();
  api.streams.hold(async () => {
    const { response, closed } = connect(api, c, options);
    handshake.resolve(response);
    await closed;
  }).catch(handshake.reject);
  return await handshake.promise;
}

function connect({ config }: Api, c: Context<Env>, options: SocketOptions) {
  const { socket: raw, response } = upgrade(c, options);
  const abort = new AbortController();
  const closed = Promise.withResolvers<void>();
  const socket = wrap(raw, abort);
  let handler: SocketHandler = { message: () => {} };
  const failed = (error: unknown) => {
    config.log("error", "websocket failed", { requestId: c.get("requestId"), error });
    socket.close(CLOSE.failed, "the server failed; its log says why");
  };
  raw.binaryType = "arraybuffer";
  raw.onopen = () => {
    try {
      handler = options.opened(socket);
    } catch (error) {
      failed(error);
    }
  };
  raw.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (abort.signal.aborted) return;
    try {
      handler.message(typeof data === "string" ? data : new Uint8Array(data));
    } catch (error) {
      failed(error);
    }
  };
  raw.onclose = ({ code, reason }) => {
    handler.ended?.(code, reason);
    abort.abort(new DOMException(`the connection was closed (${code})`, "AbortError"));
    handler = { message: () => {} };
    closed.resolve();
  };
  // A close follows, and tells what there is to tell.
  raw.onerror = (event) => event.preventDefault();
  return { response, closed: closed.promise };
}

function upgrade(c: Context<Env>, { pingMs, protocol = PROTOCOL }: SocketOptions) {
  // Deno asks after half of the idle time, and waits for the answer for the other half.
  const idleTimeout = 2 * pingMs / 1000;
  const isOffered = offeredProtocols(c.req).includes(protocol);
  try {
    return Deno.upgradeWebSocket(c.req.raw, { idleTimeout, ...isOffered ? { protocol } : {} });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ProblemError("malformed", `Cannot open the WebSocket: ${error.message}`);
  }
}

function wrap(raw: WebSocket, abort: AbortController): Socket {
  const send = (data: string | Uint8Array<ArrayBuffer>) => {
    if (raw.readyState === WebSocket.OPEN) raw.send(data);
  };
  return {
    sendJson: (message) => send(JSON.stringify(message)),
    sendText: send,
    sendBytes: send,
    bufferedBytes: () => raw.readyState === WebSocket.OPEN ? raw.bufferedAmount : 0,
    close: (code, reason) => {
      if (raw.readyState === WebSocket.OPEN) raw.close(code, cutReason(reason));
      abort.abort(new DOMException(`the connection was closed: ${reason}`, "AbortError"));
    },
    signal: abort.signal,
  };
}

/** As much of a reason as a close frame can carry. */
function cutReason(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.byteLength <= MAX_REASON_BYTES) return reason;
  const cut = new TextDecoder().decode(bytes.subarray(0, MAX_REASON_BYTES - 3), { stream: true });
  return `${cut}…`;
}
