/** The way to ports in an open VM: plain requests, and WebSockets. */
import {
  type ForwardAnswer,
  type ForwardRequest,
  forwardRequest,
} from "./adapters/vm/forward_http.ts";
import { type ForwardSocket, openForwardSocket } from "./adapters/vm/forward_socket.ts";
import type { ProviderCall } from "./adapters/vm/provider.ts";
import type { Clock } from "./runtime/clock.ts";
import type { OpenVm } from "./vm_access.ts";

export { ForwardError } from "./adapters/vm/forward_http.ts";
export type { ForwardAnswer, HeaderList } from "./adapters/vm/forward_http.ts";
export type { ForwardSocket } from "./adapters/vm/forward_socket.ts";

type Options = ProviderCall & { clock: Pick<Clock, "now" | "wake"> };

/** Throws `ProviderError` (`port_closed`, say) and `ForwardError`. */
export async function forwardHttp(
  { provider, handle }: OpenVm,
  { port, ...request }: ForwardRequest & { port: number },
  { clock, ...call }: Options,
): Promise<ForwardAnswer> {
  const connection = await provider.connect(handle, port, call);
  return await forwardRequest(connection, request, { clock, signal: call.signal });
}

/** Throws as `forwardHttp` does. */
export async function forwardSocket(
  { provider, handle }: OpenVm,
  { port, ...request }: { port: number } & Parameters<typeof openForwardSocket>[1],
  { clock, ...call }: Options,
): Promise<ForwardSocket> {
  const connection = await provider.connect(handle, port, call);
  return await openForwardSocket(connection, request, clock);
}
