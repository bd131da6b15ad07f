/** What can be asked over a VM's control connection, and how each is answered. */
import { z } from "zod";
import {
  MAX_FILE_CURSOR_CHARS,
  MAX_FILE_PAGE,
  MAX_PATH_BYTES,
} from "../actors/adapters/vm/files_limits.ts";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { OpenVm } from "../actors/vm_access.ts";
import { filesOf } from "../actors/vm_files.ts";
import { withIsoTimes } from "./lib/times.ts";
import { MAX_ANSWERED_FILE_BYTES, MAX_REQUEST_ID_CHARS } from "./lib/websocket_limits.ts";
import { MAX_NAME_CHARS } from "./limits.ts";

const requestId = z.string().min(1).max(MAX_REQUEST_ID_CHARS);
/** Relative to the repository; what leads out of it is refused where it is opened. */
const path = z.string().max(MAX_PATH_BYTES);

export const ControlCall = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("repo_file_changes"), requestId }),
  z.strictObject({
    type: z.literal("repo_file_list"),
    requestId,
    path: path.default(""),
    limit: z.int().min(1).max(MAX_FILE_PAGE).optional(),
    cursor: z.string().max(MAX_FILE_CURSOR_CHARS).nullable().default(null),
  }),
  z.strictObject({
    type: z.literal("repo_read_file"),
    requestId,
    path,
    offset: z.int().min(0).default(0),
    limit: z.int().min(0).max(MAX_ANSWERED_FILE_BYTES).default(MAX_ANSWERED_FILE_BYTES),
  }),
  z.strictObject({ type: z.literal("repo_file_diff"), requestId, path: path.optional() }),
  z.strictObject({ type: z.literal("port_forward_list"), requestId }),
  z.strictObject({
    type: z.literal("restart"),
    requestId,
    loadSession: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal("switch_model"),
    requestId,
    model: z.string().min(1).max(MAX_NAME_CHARS),
  }),
]);

export type ControlCall = z.infer<typeof ControlCall>;

/** Why a call cannot be carried out by this server at all; undefined where it can. */
export function refusalOfCall({ type }: ControlCall): string | undefined {
  if (type !== "restart" && type !== "switch_model") return undefined;
  const action = type === "restart" ? "restart the agent" : "switch the agent's model";
  return `Cannot ${action}: there is no agent session in this VM; this server starts none yet`;
}

/** Carries a call out. Throws `VmFileError`, `ProviderError` and the signal's reason. */
export async function carryOut(
  call: ControlCall,
  vm: OpenVm,
  { key, signal }: { key: string; signal: AbortSignal },
): Promise<JsonObject> {
  const files = filesOf(vm, { key, signal });
  switch (call.type) {
    case "repo_file_changes":
      return { ...await files.changes() };
    case "repo_file_list": {
      const { limit, cursor } = call;
      const page = { cursor, ...limit === undefined ? {} : { limit } };
      return withIsoTimes({ ...await files.list(call.path, page) });
    }
    case "repo_read_file": {
      const { data, ...figures } = await files.read(call.path, call);
      const truncated = figures.offset + data.byteLength < figures.sizeBytes;
      return { ...withIsoTimes(figures), ...contentOf(data), truncated };
    }
    case "repo_file_diff": {
      const { patch, truncated } = await files.diff(call.path);
      return { ...contentOf(patch), truncated };
    }
    case "port_forward_list": {
      const ports = await vm.provider.ports(vm.handle, { key, signal });
      const base = `/v1/vms/${vm.record.id}/ports`;
      return { items: ports.map((port) => ({ ...port, path: `${base}/${port.port}/` })) };
    }
    case "restart":
    case "switch_model":
      throw new TypeError(`Cannot carry out "${call.type}": it is refused before`);
  }
}

/** As text where it is UTF-8, else in base64. */
function contentOf(data: Uint8Array): { content: string; encoding: "utf-8" | "base64" } {
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { content: decoder.decode(data), encoding: "utf-8" };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { content: data.toBase64(), encoding: "base64" };
  }
}
