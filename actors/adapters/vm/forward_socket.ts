/**
 * A WebSocket to a port in a VM. What it says is held back until somebody listens, and while the
 * listener is behind.
 */
// @ts-types="@types/ws"
import WebSocket from "ws";
import type { Clock } from "../../runtime/clock.ts";
import { duplexOf } from "./forward_duplex.ts";
import { ForwardError, type HeaderList } from "./forward_http.ts";
import { FORWARD_WAIT_MS, MAX_FORWARD_MESSAGE_BYTES } from "./forward_limits.ts";
import type { VmConnection } from "./provider.ts";

const PROTOCOLS = "sec-websocket-protocol";

export type SocketListener = {
  message(data: string | Uint8Array<ArrayBuffer>): void;
  closed(code: number, reason: string): void;
};

export type ForwardSocket = {
  /** Chosen by the port; empty for none. */
  readonly protocol: string;
  /** From now on it is told what comes. */
  listen(listener: SocketListener): void;
  send(data: string | Uint8Array): void;
  /** Sent to it and not taken yet. */
  waitingBytes(): number;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
};

/** Opens it. Throws `ForwardError` where the port does not want to. */
export async function openForwardSocket(
  connection: VmConnection,
  { target, headers, protocols }: { target: string; headers: HeaderList; protocols: string[] },
  clock: Pick<Clock, "now" | "wake">,
): Promise<ForwardSocket> {
  const socket = new WebSocket(`ws://localhost${target}`, protocols, {
    createConnection: () => duplexOf(connection),
    headers: Object.fromEntries(headers),
    perMessageDeflate: false,
    maxPayload: MAX_FORWARD_MESSAGE_BYTES,
    finishRequest(outgoing) {
      // Some servers know a list only with its spaces.
      if (protocols.length > 0) outgoing.setHeader(PROTOCOLS, protocols.join(", "));
      outgoing.end();
    },
  });
  const cancel = clock.wake(clock.now() + FORWARD_WAIT_MS, () => socket.terminate());
  try {
    await opened(socket);
  } catch (error) {
    socket.terminate();
    const reason = error instanceof Error ? error.message : String(error);
    throw new ForwardError(reason, { cause: error });
  } finally {
    cancel();
  }
  return {
    protocol: socket.protocol,
    listen(listener) {
      socket.on("message", (data: Uint8Array, isBinary: boolean) => {
        listener.message(isBinary ? new Uint8Array(data) : new TextDecoder().decode(data));
      });
      const closed = (code: number, reason: Uint8Array) =>
        listener.closed(code, new TextDecoder().decode(reason));
      if (socket.readyState === WebSocket.CLOSED) return closed(1006, new Uint8Array());
      socket.on("close", closed);
      socket.resume();
    },
    send: (data) => socket.send(data),
    waitingBytes: () => socket.bufferedAmount,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close(code, reason) {
      if (isSendable(code)) socket.close(code, reason);
      else if (code === 1005) socket.close();
      else socket.terminate();
    },
  };
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    // Also after it is open: a close follows, and tells what there is to tell.
    socket.on("error", reject);
    socket.once("close", () => reject(new ForwardError("it closed the connection")));
    socket.once("open", () => {
      socket.pause();
      resolve();
    });
  });
}

/** Codes that may be sent (RFC 6455, 7.4); the others only tell of a connection that broke off. */
export function isSendable(code: number): boolean {
  return code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code) ||
    code >= 3000 && code <= 4999;
}
