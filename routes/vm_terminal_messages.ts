/** What a viewer of a terminal says: input, the size of its window, searches. */
import { z } from "zod";
import type { TerminalSession } from "../actors/adapters/vm/terminal_session.ts";
import {
  MAX_PATTERN_CHARS,
  MAX_SEARCH_CONTEXT,
  MAX_SEARCH_LIMIT,
  SEARCH_LIMIT,
} from "../actors/adapters/vm/terminal_limits.ts";
import { MAX_TERMINAL_CELLS } from "../actors/adapters/vm/vm_limits.ts";
import { parseMessage, tooLarge } from "./lib/socket_messages.ts";
import type { Socket, SocketMessage } from "./lib/websocket.ts";
import { MAX_REQUEST_ID_CHARS } from "./lib/websocket_limits.ts";

const Cells = z.int().min(1).max(MAX_TERMINAL_CELLS);

const Message = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("input"), data: z.string() }),
  z.strictObject({ type: z.literal("resize"), columns: Cells, rows: Cells }),
  z.strictObject({
    type: z.literal("search"),
    requestId: z.string().min(1).max(MAX_REQUEST_ID_CHARS),
    pattern: z.string().min(1).max(MAX_PATTERN_CHARS),
    limit: z.int().min(1).max(MAX_SEARCH_LIMIT).default(SEARCH_LIMIT),
    context: z.int().min(0).max(MAX_SEARCH_CONTEXT).default(0),
  }),
  z.strictObject({ type: z.literal("ping") }),
]);

/** What is done with each message. `used` is called on input. */
export function terminalMessages(
  session: TerminalSession,
  socket: Socket,
  used: () => Promise<void>,
): (data: SocketMessage) => void {
  const fail = (message: string, requestId: string | null = null) =>
    socket.sendJson({ type: "error", requestId, message });
  const tell = (error: unknown) => fail(error instanceof Error ? error.message : String(error));
  const type = (data: Uint8Array) => void Promise.all([session.write(data), used()]).catch(tell);
  let isSearching = false;
  const search = async ({ requestId, ...query }: SearchMessage) => {
    if (isSearching) return fail("Cannot search: another search has not ended", requestId);
    isSearching = true;
    try {
      socket.sendJson({ type: "searchResult", requestId, ...await session.search(query) });
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error), requestId);
    } finally {
      isSearching = false;
    }
  };
  return (data) => {
    if (typeof data !== "string") {
      const large = tooLarge(data.byteLength);
      return large === undefined ? type(data) : fail(large);
    }
    const parsed = parseMessage(Message, data);
    if (!parsed.ok) return fail(parsed.reason);
    const message = parsed.value;
    switch (message.type) {
      case "input":
        return type(new TextEncoder().encode(message.data));
      case "resize":
        return void session.resize(message.columns, message.rows).catch(tell);
      case "search":
        return void search(message);
      case "ping":
        return socket.sendJson({ type: "pong" });
    }
  };
}

type SearchMessage = Extract<z.infer<typeof Message>, { type: "search" }>;
