/** With which code and reason a WebSocket ends when its VM does. */
import type { VmEnd } from "../../actors/vm_end.ts";
import { CLOSE } from "./websocket.ts";

export function closeOfEnd({ reason, stopping }: VmEnd): [code: number, reason: string] {
  return stopping ? [CLOSE.goingAway, "the server stops"] : [CLOSE.gone, reason];
}
