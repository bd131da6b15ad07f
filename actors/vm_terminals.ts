/**
 * Terminals in VMs: opened through the VM's provider, and ended with the VM. Who looks at them is
 * not this file's matter.
 */
import { TERMINAL_OPEN_MS } from "./adapters/vm/terminal_limits.ts";
import { PatternError } from "./adapters/vm/terminal_search.ts";
import type { TerminalSession } from "./adapters/vm/terminal_session.ts";
import { TerminalSessions, type TerminalsOptions } from "./adapters/vm/terminal_sessions.ts";
import type { System } from "./runtime/api.ts";
import type { OpenVm } from "./vm_access.ts";
import { onVmEnd } from "./vm_end.ts";

export { PatternError };

/** There are as many terminals as there may be. */
export class TerminalsFullError extends Error {
  /** Always `TerminalsFullError`. */
  override name = "TerminalsFullError";
}

export type VmTerminals = {
  /** Opens a terminal. Throws `TerminalsFullError`, `ProviderError` and the signal's reason. */
  open(
    vm: OpenVm,
    size: { columns: number; rows: number },
    signal: AbortSignal,
  ): Promise<TerminalSession>;
  find(vmId: string, id: string): TerminalSession | undefined;
  list(vmId: string): TerminalSession[];
};

export function createVmTerminals(
  { system, ...options }: TerminalsOptions & { system: Pick<System, "waitFor" | "newId"> },
): VmTerminals {
  const sessions = new TerminalSessions(options);
  return {
    find: (vmId, id) => sessions.get(vmId, id),
    list: (vmId) => sessions.list(vmId),
    async open({ record, provider, handle }, { columns, rows }, signal) {
      const full = sessions.full(record.id);
      if (full !== null) throw new TerminalsFullError(`Cannot open another terminal: ${full}`);
      const id = system.newId("terminal");
      const start = () =>
        withDeadline(
          options.clock,
          signal,
          (signal) => provider.terminal(handle, { columns, rows }, { key: id, signal }),
        );
      const session = await sessions.open(record.id, { id, columns, rows, start });
      const forget = onVmEnd(system, record.id, ({ reason }) => session.close(reason));
      void session.ended.then(forget);
      return session;
    },
  };
}

/** A provider may hang. */
async function withDeadline<T>(
  clock: TerminalsOptions["clock"],
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const reason = `Cannot open a terminal: it took more than ${TERMINAL_OPEN_MS} ms`;
  const cancel = clock.wake(
    clock.now() + TERMINAL_OPEN_MS,
    () => late.abort(new DOMException(reason, "TimeoutError")),
  );
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } finally {
    cancel();
  }
}
