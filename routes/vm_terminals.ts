/**
 * `/v1/vms/{id}/terminal` and `…/terminals`: terminals in VMs, over WebSockets. What a terminal
 * shows outlives the connection; another one, or several, may look at it later.
 */
import { z } from "@hono/zod-openapi";
import type { TerminalEnd, TerminalSession } from "../actors/adapters/vm/terminal_session.ts";
import {
  MAX_PATTERN_CHARS,
  MAX_SEARCH_CONTEXT,
  MAX_SEARCH_LIMIT,
  SEARCH_LIMIT,
} from "../actors/adapters/vm/terminal_limits.ts";
import { MAX_TERMINAL_CELLS } from "../actors/adapters/vm/vm_limits.ts";
import { NotFoundError } from "../actors/runtime/errors.ts";
import type { OpenVm, VmAccess } from "../actors/vm_access.ts";
import {
  createVmTerminals,
  PatternError,
  TerminalsFullError,
  type VmTerminals,
} from "../actors/vm_terminals.ts";
import { answer } from "./answer.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { invalidInput, ProblemError } from "./errors.ts";
import { iso } from "./lib/times.ts";
import { CLOSE, openSocket, type Socket, wantUpgrade } from "./lib/websocket.ts";
import { TERMINAL_PING_MS } from "./lib/websocket_limits.ts";
import { STREAM_RETRY_AFTER_S } from "./limits.ts";
import { terminalMessages } from "./vm_terminal_messages.ts";
import { vmAddressOf } from "./vm_address.ts";
import { whileWanted } from "./waiting.ts";

const Cells = z.coerce.number().int().min(1).max(MAX_TERMINAL_CELLS);
const TerminalId = z.string().min(1).max(100);

const VmParams = z.strictObject({ id: z.string() });
const TerminalParams = z.strictObject({ id: z.string(), tid: TerminalId });

const OpenQuery = z.strictObject({
  terminal: TerminalId.optional().openapi({ description: "One that lives; default a new one" }),
  columns: Cells.optional().openapi({ description: "Default 80, or as it is" }),
  rows: Cells.optional().openapi({ description: "Default 24, or as it is" }),
});

const SearchQuery = z.strictObject({
  pattern: z.string().min(1).max(MAX_PATTERN_CHARS)
    .openapi({ description: "A regular expression as RE2 takes it" }),
  limit: z.coerce.number().int().min(1).max(MAX_SEARCH_LIMIT).default(SEARCH_LIMIT),
  context: z.coerce.number().int().min(0).max(MAX_SEARCH_CONTEXT).default(0)
    .openapi({ description: "Lines to show before and after each match" }),
});

const TerminalSchema = z.strictObject({
  id: z.string(),
  columns: z.int(),
  rows: z.int(),
  viewers: z.int().openapi({ description: "Connections that look at it" }),
  createdAt: z.iso.datetime(),
}).openapi("VmTerminal");

const MatchesSchema = z.strictObject({
  matches: z.array(z.strictObject({
    line: z.int().openapi({ description: "1 is the oldest line that is kept" }),
    content: z.string(),
    before: z.array(z.string()),
    after: z.array(z.string()),
  })),
  lines: z.int().openapi({ description: "Lines that were searched" }),
  truncated: z.boolean().openapi({ description: "There are, or may be, more matches" }),
}).openapi("VmTerminalMatches");

/** What one call needs of the rest. */
type Parts = { api: Api; vms: VmAccess; terminals: VmTerminals };

export function mountVmTerminals(api: Api, vms: VmAccess): void {
  const { system, config } = api;
  const parts = { api, vms, terminals: createVmTerminals({ system, clock: config.clock }) };
  mountOpen(parts);
  mountList(parts);
  mountSearch(parts);
}

function mountOpen(parts: Parts): void {
  mount(parts.api, {
    method: "get",
    path: "/v1/vms/{id}/terminal",
    tag: "VMs",
    summary: "Open a terminal in a VM, or look at one that is open",
    description: "A WebSocket. Binary messages are the terminal's output, and may be its input. " +
      'Text messages are JSON; to the server: `{type: "input", data}`, `{type: "resize", ' +
      'columns, rows}`, `{type: "search", requestId, pattern, limit, context}`, `{type: ' +
      '"ping"}`; from it: `{type: "ready", terminal, columns, rows, replayedLines}` first, with ' +
      'the output that was kept after it, then `{type: "searchResult", requestId, matches, ' +
      'lines, truncated}`, `{type: "error", requestId, message}`, `{type: "pong"}` and at the ' +
      'end `{type: "exit", exitCode, signal}`. Closed with 1000 after the end, 4408 when it does ' +
      "not take its output while others wait, 4410 when the terminal or its VM is over. A VM " +
      "that sleeps is woken first, and stays awake while somebody looks.",
    params: VmParams,
    query: OpenQuery,
    answers: { 101: { description: "The terminal" } },
    refusals: [404, 409, 426, 429, 502, 503],
  }, (call) => openTerminal(parts, call));
}

function mountList({ api, terminals }: Parts): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/terminals",
    tag: "VMs",
    summary: "List the terminals of a VM",
    params: VmParams,
    answers: {
      200: { description: "All", schema: z.strictObject({ items: z.array(TerminalSchema) }) },
    },
    refusals: [404],
  }, async ({ params }) => {
    const { id } = await api.system.get(vmAddressOf(params.id));
    return answer({ items: terminals.list(id).map(showTerminal) });
  });

  mount(api, {
    method: "delete",
    path: "/v1/vms/{id}/terminals/{tid}",
    tag: "VMs",
    summary: "Close a terminal, and end what runs on it",
    params: TerminalParams,
    answers: { 204: { description: "It is closed" } },
    refusals: [404],
  }, async ({ params }) => {
    const session = found(terminals, params.id, params.tid);
    session.close("it was closed");
    await session.ended;
    return answer(null, { status: 204 });
  });
}

function mountSearch({ api, terminals }: Parts): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/terminals/{tid}/search",
    tag: "VMs",
    summary: "Search what a terminal has shown",
    description: "In the last 5,000 lines, as text: escape sequences are left out.",
    params: TerminalParams,
    query: SearchQuery,
    answers: { 200: { description: "Matches, oldest first", schema: MatchesSchema } },
    refusals: [404],
  }, async ({ params, query }) => {
    try {
      return answer({ ...await found(terminals, params.id, params.tid).search(query) });
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw invalidInput([{ detail: error.message, in: "query", name: "pattern" }]);
    }
  });
}

async function openTerminal(
  { api, vms, terminals }: Parts,
  { c, params, query }: Call<z.infer<typeof VmParams>, z.infer<typeof OpenQuery>, unknown>,
): Promise<Response> {
  wantUpgrade(c);
  vmAddressOf(params.id);
  const { terminal, columns, rows } = query;
  const existing = terminal === undefined ? null : found(terminals, params.id, terminal);
  const { vm, session } = await whileWanted(api, c, async (signal) => {
    const vm = await vms.open(params.id, signal);
    return { vm, session: existing ?? await openNew(terminals, vm, { columns, rows, signal }) };
  });
  try {
    if (existing !== null && (columns ?? rows) !== undefined) {
      const now = existing.view();
      await existing.resize(columns ?? now.columns, rows ?? now.rows);
    }
    return await openSocket(api, c, {
      pingMs: TERMINAL_PING_MS,
      opened: (socket) => look({ api, vms, vm, session, socket }),
    });
  } catch (error) {
    if (existing === null) session.close("nobody could be shown it");
    throw error;
  }
}

async function openNew(
  terminals: VmTerminals,
  vm: OpenVm,
  { columns = 80, rows = 24, signal }: {
    columns: number | undefined;
    rows: number | undefined;
    signal: AbortSignal;
  },
): Promise<TerminalSession> {
  try {
    return await terminals.open(vm, { columns, rows }, signal);
  } catch (error) {
    if (!(error instanceof TerminalsFullError)) throw error;
    const headers = { "retry-after": String(STREAM_RETRY_AFTER_S) };
    throw new ProblemError("too-many-streams", error.message, { headers });
  }
}

/** Shows a terminal over a connection until either ends. */
function look(
  { api, vms, vm, session, socket }: {
    api: Api;
    vms: VmAccess;
    vm: OpenVm;
    session: TerminalSession;
    socket: Socket;
  },
) {
  const letSleep = vms.keepAwake(vm);
  const { replay, leave } = session.attach({
    // Neither a provider nor a socket shares its memory with another thread.
    show: (data) => socket.sendBytes(data as Uint8Array<ArrayBuffer>),
    bufferedBytes: () => socket.bufferedBytes(),
    dropped: () => socket.close(CLOSE.tooSlow, "the output was not taken while others waited"),
    ended: (end) => sayEnd(socket, end),
  });
  const { id, columns, rows } = session.view();
  const ready = { type: "ready", terminal: id, columns, rows, replayedLines: replay.lines };
  socket.sendJson(ready);
  for (const piece of replay.pieces) socket.sendBytes(piece);
  const left = () => {
    leave();
    letSleep();
  };
  socket.signal.addEventListener("abort", left, { once: true });
  const used = () =>
    vms.touch(vm.record.id, "activity").catch((error: Error) => {
      api.config.log("warn", "Cannot note that a VM is in use", { vm: vm.record.id, error });
    });
  return { message: terminalMessages(session, socket, used) };
}

function sayEnd(socket: Socket, end: TerminalEnd): void {
  if (end.type === "closed") return socket.close(CLOSE.gone, end.reason);
  socket.sendJson({ type: "exit", ...end.exit });
  socket.close(CLOSE.normal, "the program has ended");
}

function found(terminals: VmTerminals, vmId: string, id: string): TerminalSession {
  const session = terminals.find(vmId, id);
  if (session !== undefined) return session;
  throw new NotFoundError(`Cannot find terminal "${id}" of vm "${vmId}": there is none`);
}

function showTerminal(session: TerminalSession) {
  const view = session.view();
  return { ...view, createdAt: iso(view.createdAt) };
}
