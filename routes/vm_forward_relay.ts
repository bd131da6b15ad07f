/** Passes messages between a caller's WebSocket and one to a port in a VM, until either ends. */
import {
  FORWARD_BUFFER_BYTES,
  FORWARD_POLL_MS,
  MAX_FORWARD_WAITING_BYTES,
} from "../actors/adapters/vm/forward_limits.ts";
import type { OpenVm, VmAccess } from "../actors/vm_access.ts";
import { onVmEnd } from "../actors/vm_end.ts";
import type { ForwardSocket } from "../actors/vm_forward.ts";
import type { Api } from "./endpoint.ts";
import { closeOfEnd } from "./lib/socket_end.ts";
import { CLOSE, type Socket, type SocketHandler } from "./lib/websocket.ts";

export function relay(
  { api, vms, vm, socket, port }: {
    api: Api;
    vms: VmAccess;
    vm: OpenVm;
    socket: Socket;
    port: ForwardSocket;
  },
): SocketHandler {
  const { system, config } = api;
  const letSleep = vms.keepAwake(vm);
  const forget = onVmEnd(system, vm.record.id, (end) => socket.close(...closeOfEnd(end)));
  const used = () => {
    vms.touch(vm.record.id, "activity").catch((error: Error) => {
      config.log("warn", "Cannot note that a VM is in use", { vm: vm.record.id, error });
    });
  };
  const waitForRoom = () => {
    if (socket.signal.aborted) return;
    if (socket.bufferedBytes() <= FORWARD_BUFFER_BYTES) return port.resume();
    config.clock.wake(config.clock.now() + FORWARD_POLL_MS, waitForRoom);
  };
  socket.signal.addEventListener("abort", () => {
    letSleep();
    forget();
    // What is closed already takes no notice; what is held back would not hear of its end.
    port.resume();
    port.close(CLOSE.normal, "");
  }, { once: true });
  port.listen({
    message(data) {
      if (typeof data === "string") socket.sendText(data);
      else socket.sendBytes(data);
      if (socket.bufferedBytes() <= FORWARD_BUFFER_BYTES) return;
      port.pause();
      waitForRoom();
    },
    closed: (code, reason) => socket.close(...closeOf(code, reason)),
  });
  return {
    message(data) {
      used();
      port.send(data);
      if (port.waitingBytes() <= MAX_FORWARD_WAITING_BYTES) return;
      socket.close(CLOSE.tooMuch, "the port does not take what it is sent");
    },
    ended: (code, reason) => port.close(code, reason),
  };
}

/** A connection that broke off has a code that may not be sent. */
function closeOf(code: number, reason: string): [code: number, reason: string] {
  if (code === 1005) return [CLOSE.normal, reason];
  if (code === 1006 || code === 1015) return [CLOSE.failed, "the port broke the connection off"];
  return [code, reason];
}
