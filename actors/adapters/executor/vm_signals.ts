/**
 * Pauses, resumes and interrupts a command in a VM: every process that carries the attempt's key is
 * signalled from within.
 */
import type { Clock } from "../../runtime/clock.ts";
import type { JsonObject } from "../../runtime/json.ts";
import type { EffectContext, EventInput } from "../../runtime/kind.ts";
import type { VmHandle, VmProvider } from "../vm/provider.ts";
import { KEY_MARKER } from "./environment.ts";
import { MAX_SIGNAL_LOOKS, SIGNAL_LOOK_MS } from "./executor_limits.ts";
import { sendSignal } from "./process_family.ts";
import type { ProcessInfo, ProcessTable } from "./process_table.ts";

/** Signals, by the events that ask for them. */
const SIGNALS: { readonly [event: string]: string } = {
  "executor.pause": "STOP",
  "executor.resume": "CONT",
  "executor.interrupt": "INT",
};

/** Sends a signal to every process that carries a marker, and says how many there were. */
const SIGNAL_SCRIPT = `
n=0
for dir in /proc/[0-9]*; do
  pid=\${dir#/proc/}
  [ "$pid" = "$$" ] && continue
  if tr '\\0' '\\n' < "$dir/environ" 2>/dev/null | grep -qxF "$1"; then
    kill -"$2" "$pid" 2>/dev/null && n=$((n + 1))
  fi
done
echo "$n"
`;

/** A command in a VM: that of the attempt whose context it is. */
export type CommandInVm = { provider: VmProvider; handle: VmHandle; context: EffectContext };

export type Signals = {
  /** False where the event asks for no signal. */
  take(event: EventInput): boolean;
  /** The command has ended: nothing of it is looked for any more. */
  stop(): Promise<void>;
};

type Settings = {
  /** Aborted when the command has ended. */
  over?: AbortSignal;
  clock: Clock;
  table: ProcessTable;
  warn: (message: string, fields: JsonObject) => void;
};

/**
 * One signal after the other: a pause that is held up, by the VM's own sleep say, must not come
 * after the resume.
 */
export function createSignals(options: CommandInVm & { settings: Settings }): Signals {
  const { context, settings: { warn } } = options;
  const end = new AbortController();
  const within = { ...options, settings: { ...options.settings, over: end.signal } };
  let last = Promise.resolve();
  const send = async (signal: string) => {
    try {
      await (signal === "CONT" ? resume(within) : signalCommand(within, signal));
    } catch (error) {
      // Once the attempt is over nobody is left to be signalled.
      if (context.signal.aborted || end.signal.aborted) return;
      warn("Cannot signal a command in a VM", { address: context.address, reason: String(error) });
    }
  };
  return {
    take({ type }) {
      const signal = SIGNALS[type];
      if (signal !== undefined) last = last.then(() => send(signal));
      return signal !== undefined;
    },
    stop() {
      end.abort();
      return last;
    },
  };
}

/** Signals whatever carries the attempt's key now, and says how many processes that were. */
export async function signalAll(
  { provider, handle, context }: CommandInVm,
  signal: string,
): Promise<number> {
  const marker = `${KEY_MARKER}=${context.key}`;
  let count = "";
  await provider.exec(handle, {
    command: ["sh", "-c", SIGNAL_SCRIPT, "sh", marker, signal],
    onOutput: ({ data }) => void (count += new TextDecoder().decode(data)),
  }, { key: `${context.key}/signal`, signal: context.signal });
  return Number(count.trim());
}

/** Signals a command, which may be about to begin: then it is looked for again. */
async function signalCommand(
  options: CommandInVm & { settings: Settings },
  signal: string,
): Promise<void> {
  for (let look = 0; look < MAX_SIGNAL_LOOKS; look++) {
    if (await signalAll(options, signal) > 0) return;
    if (await isOver(options.settings)) return;
  }
}

/**
 * Lets a command go on, and those who wait for it on this machine: they stop when it is stopped,
 * as `nsenter` does, and would never learn of its end. Who was frozen with the VM may stop only
 * when that is up again.
 */
async function resume(options: CommandInVm & { settings: Settings }): Promise<void> {
  const { context, settings: { table } } = options;
  const waiters = await waitersOn(context.key, table);
  continueStopped(waiters, waiters);
  await signalCommand(options, "CONT");
  for (let look = 0; look < MAX_SIGNAL_LOOKS && waiters.length > 0; look++) {
    continueStopped(waiters, await table());
    if (await isOver(options.settings)) return;
  }
}

/** Those of this machine between the server and the command. */
async function waitersOn(key: string, table: ProcessTable): Promise<ProcessInfo[]> {
  const processes = new Map((await table()).map((process) => [process.pid, process]));
  const waiters = new Set<ProcessInfo>();
  for (const process of processes.values()) {
    if (process.key !== key) continue;
    let parent = processes.get(process.parent);
    while (parent !== undefined && parent.pid !== Deno.pid) {
      if (parent.key !== key) waiters.add(parent);
      parent = processes.get(parent.parent);
    }
  }
  return [...waiters];
}

/** Wakes those of them that are stopped in a look at the process table. */
function continueStopped(waiters: readonly ProcessInfo[], look: readonly ProcessInfo[]): void {
  const isWaiter = ({ pid, startedTicks }: ProcessInfo) =>
    waiters.some((waiter) => waiter.pid === pid && waiter.startedTicks === startedTicks);
  for (const process of look) {
    if (process.stopped && isWaiter(process)) sendSignal(process.pid, "SIGCONT");
  }
}

/** Waits before the next look; true once the command has ended. */
async function isOver({ clock, over }: Settings): Promise<boolean> {
  if (over?.aborted) return true;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.wake(clock.now() + SIGNAL_LOOK_MS, resolve);
  over?.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  cancel();
  return over?.aborted ?? false;
}
