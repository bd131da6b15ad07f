/**
 * `/v1/vms/{id}/control`: a WebSocket for calls into a VM, each answered under its own id. It
 * outlives tasks; several may be open at a time. What can be called is in `vm_control_calls.ts`.
 */
import { z } from "@hono/zod-openapi";
import type { OpenVm, VmAccess } from "../actors/vm_access.ts";
import { onVmEnd } from "../actors/vm_end.ts";
import { VmFileError } from "../actors/vm_files.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { isFailure, refusalOf } from "./errors.ts";
import { boundedCalls } from "./lib/bounded_calls.ts";
import { closeOfEnd } from "./lib/socket_end.ts";
import { parseMessage } from "./lib/socket_messages.ts";
import {
  CLOSE,
  openSocket,
  type Socket,
  type SocketMessage,
  wantUpgrade,
} from "./lib/websocket.ts";
import {
  MAX_CALLS,
  MAX_REQUEST_ID_CHARS,
  MAX_WAITING_ANSWER_BYTES,
  MAX_WAITING_CALLS,
  PING_MS,
} from "./lib/websocket_limits.ts";
import { vmAddressOf } from "./vm_address.ts";
import { carryOut, ControlCall, refusalOfCall } from "./vm_control_calls.ts";
import { whileWanted } from "./waiting.ts";

const VmParams = z.strictObject({ id: z.string() });

/** What one connection works with. */
type Control = { api: Api; vms: VmAccess; vm: OpenVm; socket: Socket };

export function mountVmControl(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/control",
    tag: "VMs",
    summary: "Open a control connection to a VM",
    description: "A WebSocket of JSON messages. Each call, `{requestId, type, …}`, is answered " +
      "with `{requestId, success: true, result}` or `{requestId, success: false, message}`; " +
      "several may run at once, and are answered as they end. Types: `repo_file_changes`; " +
      "`repo_file_list {path, limit, cursor}`; `repo_read_file {path, offset, limit}`; " +
      "`repo_file_diff {path}`; `port_forward_list`; `restart {loadSession}`; `switch_model " +
      "{model}`. Paths are relative to the repository; one that leads out of it is refused. A " +
      "message that is none is answered with `requestId` null where it names none. A VM that " +
      "sleeps is woken, and stays awake while the connection is open. Closed with 4410 when " +
      "the VM is over, 4408 when answers are not taken.",
    params: VmParams,
    answers: { 101: { description: "The connection" } },
    refusals: [404, 409, 426, 429, 503],
  }, (call) => openControl(api, vms, call));
}

async function openControl(
  api: Api,
  vms: VmAccess,
  { c, params: { id } }: Call<z.infer<typeof VmParams>, unknown, unknown>,
): Promise<Response> {
  wantUpgrade(c);
  vmAddressOf(id);
  const vm = await whileWanted(api, c, (signal) => vms.open(id, signal));
  return await openSocket(api, c, {
    pingMs: PING_MS,
    opened: (socket) => serve({ api, vms, vm, socket }),
  });
}

function serve(control: Control) {
  const { api, vms, vm, socket } = control;
  const letSleep = vms.keepAwake(vm);
  const forget = onVmEnd(api.system, vm.record.id, (end) => socket.close(...closeOfEnd(end)));
  socket.signal.addEventListener("abort", () => {
    letSleep();
    forget();
  }, { once: true });
  const calls = boundedCalls({ running: MAX_CALLS, waiting: MAX_WAITING_CALLS });
  return {
    message(data: SocketMessage) {
      if (typeof data !== "string") return refuse(control, null, "Cannot take a binary message");
      const parsed = parseMessage(ControlCall, data);
      if (!parsed.ok) return refuse(control, requestIdOf(parsed.value), parsed.reason);
      const call = parsed.value;
      const refusal = refusalOfCall(call);
      if (refusal !== undefined) return refuse(control, call.requestId, refusal);
      if (calls.add(() => run(control, call))) return;
      const most = MAX_CALLS + MAX_WAITING_CALLS;
      refuse(control, call.requestId, `Cannot take the call: ${most} others have not ended`);
    },
  };
}

async function run(control: Control, call: ControlCall): Promise<void> {
  const { api, vms, vm, socket } = control;
  const { signal } = socket;
  if (signal.aborted) return;
  try {
    const key = api.system.newId("call");
    const result = await vms.use(
      vm.record.id,
      signal,
      (open) => carryOut(call, open, { key, signal }),
    );
    reply(control, { requestId: call.requestId, success: true, result });
  } catch (error) {
    if (signal.aborted) return;
    refuse(control, call.requestId, explain(control, error));
  }
}

/** What a caller may know of an error. */
function explain({ api: { config }, vm }: Control, error: unknown): string {
  if (error instanceof VmFileError) return error.message;
  if (isFailure(error)) config.log("error", "control call failed", { vm: vm.record.id, error });
  return refusalOf(error, config.redact).problem.detail;
}

function refuse(control: Control, requestId: string | null, message: string): void {
  const { redact } = control.api.config;
  reply(control, { requestId, success: false, message: redact(message) });
}

function reply({ socket }: Control, message: Parameters<Socket["sendJson"]>[0]): void {
  if (socket.bufferedBytes() > MAX_WAITING_ANSWER_BYTES) {
    return socket.close(CLOSE.tooSlow, "answers were not taken");
  }
  socket.sendJson(message);
}

/** The id of a message that is otherwise wrong, so that its sender knows which it was. */
function requestIdOf(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("requestId" in value)) return null;
  const { requestId } = value;
  if (typeof requestId !== "string") return null;
  return requestId.length <= MAX_REQUEST_ID_CHARS ? requestId : null;
}
