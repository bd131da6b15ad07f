/** One connection to a terminal in a VM, as the server speaks it; see `docs/vms.md`. */
import { z } from "zod";

export type Size = { columns: number; rows: number };

const Message = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("ready"), terminal: z.string() }),
  z.looseObject({
    type: z.literal("exit"),
    exitCode: z.number().nullable(),
    signal: z.string().nullable(),
  }),
  z.looseObject({ type: z.literal("error"), message: z.string() }),
]);

export type TerminalEnd =
  | { type: "exited"; exitCode: number | null; signal: string | null }
  /** The terminal or its VM is over. */
  | { type: "gone"; reason: string }
  /** The connection broke off, or never stood. */
  | { type: "lost"; reason: string };

export type TerminalConnection = {
  input(data: Uint8Array<ArrayBuffer>): void;
  resize(size: Size): void;
  /** Leaves; the terminal goes on. */
  leave(): void;
  /** Never rejects. */
  readonly ended: Promise<TerminalEnd>;
};

/** What a connection tells. */
export type TerminalShown = {
  /** It stands. What was shown before comes next, as output. */
  onReady(terminal: string): void;
  onOutput(data: Uint8Array): void;
  onError(message: string): void;
};

/** Closed by the server because the terminal or its VM is over. */
const GONE = 4410;

/** Speaks over a WebSocket that is being opened. */
export function attachTerminal(
  socket: WebSocket,
  { onReady, onOutput, onError }: TerminalShown,
): TerminalConnection {
  socket.binaryType = "arraybuffer";
  const ended = Promise.withResolvers<TerminalEnd>();
  let fault = "the connection broke off";
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) return onOutput(new Uint8Array(data));
    const { success, data: message } = Message.safeParse(JSON.parse(data));
    // What a newer server says beside these needs no answer.
    if (!success) return;
    if (message.type === "ready") onReady(message.terminal);
    else if (message.type === "error") onError(message.message);
    else ended.resolve({ ...message, type: "exited" });
  };
  socket.onerror = (event) => {
    if (event instanceof ErrorEvent && event.message !== "") fault = event.message;
  };
  socket.onclose = ({ code, reason }) => {
    if (code === GONE) ended.resolve({ type: "gone", reason });
    else ended.resolve({ type: "lost", reason: reason || fault });
  };
  const send = (data: string | Uint8Array<ArrayBuffer>) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(data);
  };
  return {
    input: send,
    resize: (size) => send(JSON.stringify({ type: "resize", ...size })),
    leave: () => socket.close(),
    ended: ended.promise,
  };
}
