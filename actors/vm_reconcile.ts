/**
 * The job that looks after VMs: what providers have is held against what actors say. VMs of ours
 * that no actor owns are removed, those that vanished are told so, those that are up though they
 * should sleep are put to sleep, and those of a provider that does not answer go offline.
 *
 * Providers are asked before actors are read, and before anything is done to a VM both are asked
 * once more while nothing else can be done to it: what changes meanwhile is never taken for wrong.
 */
import { vmAddress } from "../machines/vm_context.ts";
import { ProviderError, type VmProvider, type VmSighting } from "./adapters/vm/provider.ts";
import type { VmProviders } from "./adapters/vm/providers.ts";
import { untilAborted } from "./adapters/vm/until_aborted.ts";
import type { System } from "./runtime/api.ts";
import type { Clock } from "./runtime/clock.ts";
import { NotAcceptedError, NotFoundError } from "./runtime/errors.ts";
import type { ActorRecord, EventInput } from "./runtime/kind.ts";
import type { SystemJob, SystemJobRun } from "./system_jobs.ts";
import { vmLink } from "./vm_state.ts";
import { vmContext } from "./vm_view.ts";

/** A provider that says nothing for so long has its VMs shown as offline, ms. */
const OFFLINE_AFTER_MS = 3 * 60_000;
/** Longest wait for a provider's list, ms. */
const LIST_MS = 30_000;
/** Longest time with one VM, the wait for another operation on it included, ms. */
const SET_RIGHT_MS = 90_000;
/** Findings that a summary names. */
const MAX_FINDINGS = 10;
const PAGE = 200;

/** States in which there must be a VM, and how its provider must have it. */
const EXPECTED: { readonly [state: string]: VmSighting["state"] } = {
  running: "running",
  sleeping: "suspended",
};

export type VmJobParts = {
  providers: VmProviders;
  system: () => Pick<System, "list" | "get" | "send">;
  clock: Pick<Clock, "now" | "wake">;
  /** Told of each finding. */
  report: (finding: string, fields: { readonly [name: string]: unknown }) => void;
};

/** Since when each provider has not answered, ms since the epoch: what a round remembers. */
type VmMemory = { readonly unreachableSince: { readonly [provider: string]: number } };

/** Makes the job. */
export function createVmJob(parts: VmJobParts): SystemJob {
  return async (run) => {
    const round = new VmRound(parts, run);
    // Only this job writes it.
    const { unreachableSince: before } = (run.memory ?? { unreachableSince: {} }) as VmMemory;
    const unreachableSince: Record<string, number> = {};
    const seen = new Map<string, VmSighting[]>();
    for (const provider of parts.providers.all()) {
      const sightings = await round.ask(provider);
      if (sightings !== undefined) seen.set(provider.name, sightings);
      else unreachableSince[provider.name] = before[provider.name] ?? parts.clock.now();
    }
    const records = await round.records();
    for (const [name, sightings] of seen) await round.compare(name, sightings, records);
    await round.tellSilent(unreachableSince, records);
    return { summary: round.summary(records.size, seen), memory: { unreachableSince } };
  };
}

class VmRound {
  readonly #findings: string[] = [];
  /** Those that let a question of this round go unanswered are asked no more of them. */
  readonly #silent = new Set<VmProvider>();
  #found = 0;

  constructor(readonly parts: VmJobParts, readonly run: SystemJobRun) {}

  /** What a provider has; undefined when it does not answer. */
  async ask(provider: VmProvider): Promise<VmSighting[] | undefined> {
    try {
      return await this.#within(LIST_MS, (signal) => provider.list(signal));
    } catch (error) {
      this.run.signal.throwIfAborted();
      // One that cannot run here has no VMs; one that has some and is silent is told of below.
      const isSilent = error instanceof ProviderError || isTimeout(error);
      if (!isSilent) this.#noteFailure("Cannot list VMs", { provider, error });
      return undefined;
    }
  }

  /** All VMs that have not ended, by id. */
  async records(): Promise<ReadonlyMap<string, ActorRecord>> {
    const records = new Map<string, ActorRecord>();
    let cursor: string | undefined;
    do {
      const query = { status: "active", limit: PAGE, sort: "oldest" } as const;
      const page = await this.parts.system().list("vm", {
        ...query,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const record of page.items) records.set(record.id, record);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return records;
  }

  /** Sets right what is not as actors say. */
  async compare(
    name: string,
    sightings: readonly VmSighting[],
    records: ReadonlyMap<string, ActorRecord>,
  ): Promise<void> {
    const provider = this.parts.providers.get(name);
    const byId = new Map(sightings.map((sighting) => [sighting.vmId, sighting]));
    for (const { vmId } of sightings) {
      if (this.#silent.has(provider)) return;
      if (!records.has(vmId)) await this.#removeOrphan(provider, vmId);
    }
    for (const record of records.values()) {
      if (this.#silent.has(provider)) return;
      if (vmContext(record).settings.provider !== name) continue;
      const isAsExpected = byId.get(record.id)?.state === EXPECTED[record.state];
      if (EXPECTED[record.state] !== undefined && !isAsExpected) {
        await this.#setRight(provider, record.id);
      }
      if (vmLink(record.value) === "offline" && byId.has(record.id)) {
        await this.#tell(record.id, { type: "vm.heartbeatFound" });
      }
    }
  }

  /** VMs of providers that have not answered for long are offline. */
  async tellSilent(
    unreachableSince: { readonly [provider: string]: number },
    records: ReadonlyMap<string, ActorRecord>,
  ): Promise<void> {
    for (const record of records.values()) {
      const since = unreachableSince[vmContext(record).settings.provider];
      if (since === undefined || this.parts.clock.now() - since < OFFLINE_AFTER_MS) continue;
      if (record.state === "running" && vmLink(record.value) === "online") {
        await this.#tell(record.id, { type: "vm.heartbeatLost", since });
      }
    }
  }

  /** One line for people. */
  summary(actors: number, seen: ReadonlyMap<string, readonly VmSighting[]>): string {
    const sightings = [...seen.values()].reduce((sum, list) => sum + list.length, 0);
    const looked = `Looked at ${Math.max(actors, sightings)} VMs`;
    if (this.#found === 0) return `${looked}: all as they should be`;
    const more = this.#found - this.#findings.length;
    const findings = [...this.#findings, ...(more > 0 ? [`${more} more`] : [])];
    return `${looked}. ${findings.join("; ")}`;
  }

  async #removeOrphan(provider: VmProvider, vmId: string): Promise<void> {
    try {
      const isRemoved = await this.#alone(vmId, async (signal) => {
        if ((await statusOf(this.parts.system(), vmId)) === "active") return false;
        // Its actor may have ended, and have had it deleted, since the provider was asked.
        if (await provider.find(vmId, signal) === undefined) return false;
        await provider.delete(vmId, { key: `${this.run.key}/${vmId}`, signal });
        return true;
      });
      if (!isRemoved) return;
      this.#note("Removed a VM that no actor owns", { provider: provider.name, vm: vmId });
    } catch (error) {
      this.#noteFailure("Cannot remove a VM that no actor owns", { provider, vmId, error });
    }
  }

  /** Looks again, alone with the VM, and then does what is needed. */
  async #setRight(provider: VmProvider, vmId: string): Promise<void> {
    try {
      const gone = await this.#alone(vmId, async (signal) => {
        const record = await this.parts.system().get(vmAddress(vmId));
        const expected = EXPECTED[record.state];
        const seen = await provider.find(vmId, signal);
        if (expected === undefined || seen?.state === expected) return undefined;
        if (seen === undefined) return "there is none any more";
        if (seen.state === "stopped") return "it has stopped";
        const call = { key: `${this.run.key}/${vmId}`, signal };
        await provider[expected === "running" ? "resume" : "suspend"](seen.handle, call);
        this.#note("Set a VM right", { vm: vmId, was: seen.state, is: expected });
        return undefined;
      });
      if (gone === undefined) return;
      const reason = `Cannot find vm "${vmId}" at provider "${provider.name}": ${gone}`;
      await this.#tell(vmId, { type: "vm.vanished", reason });
      this.#note("A VM has vanished", { provider: provider.name, vm: vmId, reason: gone });
    } catch (error) {
      this.#noteFailure("Cannot set a VM right", { provider, vmId, error });
    }
  }

  /** A VM that does not take the word has moved on meanwhile. */
  async #tell(vmId: string, event: EventInput): Promise<void> {
    try {
      await this.parts.system().send(vmAddress(vmId), event);
    } catch (error) {
      if (!(error instanceof NotAcceptedError || error instanceof NotFoundError)) throw error;
    }
  }

  #note(message: string, fields: { readonly [name: string]: unknown }): void {
    this.#found += 1;
    this.parts.report(message, fields);
    const words = Object.entries(fields).map(([name, value]) => `${name} ${value}`).join(", ");
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push(`${message}: ${words}`);
  }

  #noteFailure(
    message: string,
    { provider, vmId, error }: { provider: VmProvider; vmId?: string; error: unknown },
  ): void {
    this.run.signal.throwIfAborted();
    if (isTimeout(error)) this.#silent.add(provider);
    const reason = error instanceof Error ? error.message : String(error);
    this.#note(message, { provider: provider.name, ...(vmId && { vm: vmId }), reason });
  }

  /** Works at a VM while nothing else is done to it. */
  #alone<T>(vmId: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { providers } = this.parts;
    return this.#within(
      SET_RIGHT_MS,
      (signal) => providers.alone(vmId, signal, () => work(signal)),
    );
  }

  /** Limits work, also where it does not mind its signal. */
  async #within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.parts;
    const limit = new AbortController();
    const expire = () => limit.abort(new DOMException(`No answer in ${ms} ms`, "TimeoutError"));
    const cancel = clock.wake(clock.now() + ms, expire);
    const signal = AbortSignal.any([this.run.signal, limit.signal]);
    try {
      return await untilAborted(work(signal), signal);
    } finally {
      cancel();
    }
  }
}

async function statusOf(system: Pick<System, "get">, vmId: string): Promise<string | undefined> {
  try {
    return (await system.get(vmAddress(vmId))).status;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
