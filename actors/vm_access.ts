/**
 * How anybody works in a VM: woken first where it sleeps, kept awake meanwhile, and every use
 * noted. Whoever comes while it is being woken waits for the same wake. What is done in the VM is
 * its provider's work.
 */
import type { VmUse } from "../machines/vm_events.ts";
import { vmAddress } from "../machines/vm_context.ts";
import { debounceMs } from "../machines/vm_timing.ts";
import type { VmHandle, VmProvider } from "./adapters/vm/provider.ts";
import type { VmProviders } from "./adapters/vm/providers.ts";
import type { Logger, System } from "./runtime/api.ts";
import type { Clock } from "./runtime/clock.ts";
import { DrainingError, NotAcceptedError } from "./runtime/errors.ts";
import type { ActorRecord } from "./runtime/kind.ts";
import { vmContext } from "./vm_view.ts";

/** Longest time to wait until a VM is up, ms. */
const WAKE_WAIT_MS = 5 * 60_000;
/** How often a use that lasts is noted, ms, at most. */
const KEEP_AWAKE_EVERY_MS = 60_000;
/** And at least: a VM may sleep after seconds. */
const MIN_EVERY_MS = 500;
/** VMs whose last uses are remembered. */
const MAX_NOTED = 10_000;

/** States in which a VM is up, or will be without anybody's help. */
const COMING_UP: readonly string[] = ["pending", "provisioning", "running", "waking"];
/** States in which nobody can work in it any more. */
const OVER: readonly string[] = ["failed", "recycling", "recycled"];

/** A VM cannot be worked in, and waiting does not help. */
export class VmUnavailableError extends Error {
  /** Always `VmUnavailableError`. */
  override name = "VmUnavailableError";
  /** `message` says in which state it is and why. */
  constructor(readonly vmId: string, readonly state: string, message: string) {
    super(message);
  }
}

/** A VM that is up. */
export type OpenVm = { record: ActorRecord; provider: VmProvider; handle: VmHandle };

/** The way into the VMs of a system. */
export interface VmAccess {
  /** What makes them. */
  readonly providers: VmProviders;
  /**
   * The VM when it is up. Throws `VmUnavailableError` where it has failed or is recycled,
   * `NotFoundError`, `TimeoutError` (DOMException) when it takes longer than `WAKE_WAIT_MS`, and
   * the signal's reason.
   */
  open(vmId: string, signal: AbortSignal): Promise<OpenVm>;
  /** Works in a VM: it is activity before and after, and keeps awake while it lasts. */
  use<T>(vmId: string, signal: AbortSignal, work: (vm: OpenVm) => Promise<T>): Promise<T>;
  /** Notes a use, unless one was noted a moment ago. A VM that is over takes no note. */
  touch(vmId: string, use: VmUse): Promise<void>;
  /** Keeps an open VM awake until the function that it returns is called. */
  keepAwake(vm: OpenVm): () => void;
}

/** What it is made of. */
export type VmAccessParts = {
  system: Pick<System, "get" | "send" | "waitFor">;
  providers: VmProviders;
  clock: Pick<Clock, "now" | "wake">;
  log: Logger;
};

/** Makes the way into the VMs of a system. */
export function createVmAccess(parts: VmAccessParts): VmAccess {
  const uses = new Uses(parts);
  const open = (vmId: string, signal: AbortSignal) => openVm(parts, vmId, signal);
  return {
    providers: parts.providers,
    open,
    touch: (vmId, use) => uses.note(vmId, use),
    keepAwake: (vm) => keepAwake(parts, vm, uses),
    async use(vmId, signal, work) {
      // Noted first: then no timer ends between looking whether it is up and working in it, nor
      // while it is being woken.
      await uses.note(vmId, "activity");
      const vm = await open(vmId, signal);
      // Waking may have taken longer than what was noted stands for.
      await uses.note(vmId, "activity", vm.record);
      const letSleep = keepAwake(parts, vm, uses);
      try {
        return await work(vm);
      } finally {
        letSleep();
        await uses.note(vmId, "activity", vm.record);
      }
    },
  };
}

/** Uses on their way to the actors, each kind of use of a VM no more often than it counts. */
class Uses {
  /** When a use was noted last, the longest ago first, and when that is durable. */
  readonly #noted = new Map<string, { at: number; sent: Promise<void> }>();

  constructor(readonly parts: VmAccessParts) {}

  async note(vmId: string, use: VmUse, record?: ActorRecord): Promise<void> {
    const { system, clock } = this.parts;
    const name = `${vmId} ${use}`;
    const now = clock.now();
    const { idle } = vmContext(record ?? await system.get(vmAddress(vmId))).settings;
    const last = this.#noted.get(name);
    if (last !== undefined && isRecent(now - last.at, debounceMs(idle))) return await last.sent;
    const sent = this.#send(vmId, use, name);
    this.#remember(name, { at: now, sent });
    await sent;
  }

  async #send(vmId: string, use: VmUse, name: string): Promise<void> {
    try {
      await this.parts.system.send(vmAddress(vmId), { type: "vm.used", use });
    } catch (error) {
      this.#noted.delete(name);
      // It is over, or the server is stopping: then there is nothing left to be put off.
      if (!(error instanceof NotAcceptedError || error instanceof DrainingError)) throw error;
    }
  }

  #remember(name: string, noted: { at: number; sent: Promise<void> }): void {
    this.#noted.delete(name);
    this.#noted.set(name, noted);
    const [oldest] = this.#noted.keys();
    if (this.#noted.size > MAX_NOTED && oldest !== undefined) this.#noted.delete(oldest);
  }
}

/** A clock that was set back says nothing of what was noted before. */
function isRecent(sinceMs: number, debounce: number): boolean {
  return sinceMs >= 0 && sinceMs < debounce;
}

async function openVm(
  { system, providers }: VmAccessParts,
  vmId: string,
  signal: AbortSignal,
): Promise<OpenVm> {
  const address = vmAddress(vmId);
  let record = await system.get(address);
  if (record.state !== "running") {
    if (!COMING_UP.includes(record.state)) await wake(system, address);
    record = await system.waitFor(
      address,
      ({ state }) => state === "running" || OVER.includes(state),
      { timeoutMs: WAKE_WAIT_MS, signal },
    );
  }
  const { settings, handle, error, method } = vmContext(record);
  if (record.state !== "running" || handle === null) {
    const why = error?.message ?? method;
    throw new VmUnavailableError(
      vmId,
      record.state,
      `Cannot use vm "${vmId}": state is "${record.state}"${why === null ? "" : ` (${why})`}`,
    );
  }
  // It was made by a provider, and stored as it came.
  return { record, provider: providers.get(settings.provider), handle: handle as VmHandle };
}

/** Asks for it; a VM that does not accept it is over, as the caller finds out by waiting. */
async function wake(system: VmAccessParts["system"], address: string): Promise<void> {
  try {
    await system.send(address, { type: "vm.wake" });
  } catch (error) {
    if (!(error instanceof NotAcceptedError)) throw error;
  }
}

function keepAwake({ clock, log }: VmAccessParts, { record }: OpenVm, uses: Uses): () => void {
  const { sleepMs } = vmContext(record).settings.idle;
  const everyMs = Math.min(KEEP_AWAKE_EVERY_MS, Math.max(MIN_EVERY_MS, (sleepMs ?? Infinity) / 3));
  let cancel = () => {};
  const note = () => {
    uses.note(record.id, "keepAwake").catch((error: Error) => {
      log("warn", "Cannot note that a VM is in use", { vm: record.id, error: error.message });
    });
  };
  const tick = () => {
    note();
    cancel = clock.wake(Math.ceil(clock.now() + everyMs), tick);
  };
  tick();
  return () => {
    cancel();
    note();
  };
}
