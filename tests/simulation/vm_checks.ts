/**
 * What must always hold of VMs, held against every commit and everything that is done to a VM.
 * Knows what was acknowledged and what is stored, and nothing of how the machines come to it.
 */
import type { JsonObject } from "../../actors/runtime/json.ts";
import type { Commit, JournalRow } from "../../actors/store/store.ts";
import { debounceMs } from "../../machines/vm_timing.ts";
import type { VmContext } from "../../machines/vm_context.ts";
import type { VmHost } from "./vm_host.ts";

/** A promise about VMs was broken. */
export class VmViolation extends Error {
  override name = "VmViolation";
}

/** How late a timer may be while a server is up, ms. */
const LATE_MS = 60_000;

type Known = { state: string; status: string; context: VmContext };

export class VmChecks {
  readonly vms = new Map<string, Known>();
  readonly tasks = new Map<string, { state: string; status: string }>();
  /** By VM, the last use that was acknowledged, in the clock's time. */
  readonly lastUse = new Map<string, { activity: number; any: number }>();
  /** Work that goes on in VMs now, by VM. */
  readonly work = new Map<string, Set<string>>();
  /** Since when the present server has been up, or the clock was set forward last. */
  upSince = 0;

  constructor(readonly now: () => number, readonly host: () => VmHost) {}

  committed(commit: Commit): void {
    for (const row of commit.journal) {
      if (row.address.startsWith("task:")) this.#tookTask(row, commit);
    }
    const rows = Map.groupBy(commit.journal, (row) => row.address);
    for (const { address, state, status, snapshot } of commit.actors) {
      if (!address.startsWith("vm:")) continue;
      const { context } = JSON.parse(snapshot) as { context: VmContext };
      const known = { state, status, context };
      const before = this.vms.get(idOf(address));
      this.vms.set(idOf(address), known);
      const [row, ...more] = rows.get(address) ?? [];
      // Where one commit holds several steps, what lay between them cannot be seen.
      if (before === undefined || row === undefined || more.length > 0) continue;
      if (before.state !== state) this.#tookVm(idOf(address), { before, known, cause: row.cause });
    }
  }

  /** Somebody worked in a VM, as was acknowledged. */
  used(vmId: string, use: "activity" | "keepAwake"): void {
    const at = this.now();
    const known = this.lastUse.get(vmId);
    this.lastUse.set(vmId, {
      activity: use === "activity" ? at : known?.activity ?? 0,
      any: at,
    });
  }

  /** Set forward: timers are due at once, before anybody could say that he is at work. */
  clockSet(): void {
    this.upSince = this.now();
    for (const workers of this.work.values()) {
      for (const worker of workers) if (!worker.startsWith("task:")) workers.delete(worker);
    }
  }

  begins(vmId: string, worker: string): void {
    const seen = this.host().vms.get(vmId)?.state;
    hold(seen !== "suspended", () => `${worker} works in ${vmId}, which is ${seen}`);
    const workers = this.work.get(vmId) ?? new Set();
    this.work.set(vmId, workers.add(worker));
  }

  ends(vmId: string, worker: string): void {
    this.work.get(vmId)?.delete(worker);
  }

  suspends(vmId: string): void {
    const [worker] = this.work.get(vmId) ?? [];
    hold(worker === undefined, () => `${vmId} is suspended while ${worker} works in it`);
  }

  /** Only what is being recycled, made anew, or owned by nobody, may be deleted. */
  deletes(vmId: string): void {
    const state = this.vms.get(vmId)?.state;
    const may = ["recycling", "recycled", "provisioning", undefined];
    hold(may.includes(state), () => `${vmId} is deleted while it is ${state}`);
  }

  /** No VM outlives its time, and none that is idle stays up. */
  inTime(): void {
    const now = this.now();
    for (const [vmId, { state, context }] of this.vms) {
      if (["recycling", "recycled"].includes(state)) continue;
      const isHeld = Object.values(context.tasks).includes("holds");
      const { idle: { recycleMs, sleepMs }, expireAt } = context.settings;
      const due = [
        expireAt ?? Infinity,
        isHeld ? Infinity : context.recycleFrom + (recycleMs ?? Infinity),
        isHeld || state !== "running" ? Infinity : context.sleepFrom + (sleepMs ?? Infinity),
      ];
      const allowed = Math.max(Math.min(...due), this.upSince) + LATE_MS;
      hold(now <= allowed, () => `${vmId} (${state}) is over its time by ${now - allowed} ms`);
    }
  }

  /** After a long quiet time everything is as actors say, and nobody waits for nothing. */
  atRest(): void {
    const { vms } = this.host();
    for (const [vmId, { state, status, context }] of this.vms) {
      const seen = vms.get(vmId)?.state;
      const may: { readonly [state: string]: readonly unknown[] } = {
        running: ["running"],
        sleeping: ["suspended"],
        failed: ["running", "suspended", "stopped", undefined],
        recycled: [undefined],
      };
      const isSo = may[state]?.includes(seen) ?? false;
      hold(isSo, () => `${vmId} is ${state} at rest, and its provider has it ${seen}`);
      hold(state !== "recycled" || status === "done", () => `${vmId} still owes its clean-up`);
      hold(
        status !== "active" || seen === undefined ||
          vms.get(vmId)?.generation === context.generation || state === "failed",
        () => `${vmId} is of generation ${context.generation}, not that at its provider`,
      );
    }
    for (const vmId of vms.keys()) {
      hold(this.vms.has(vmId), () => `${vmId} is at its provider, and no actor knows it`);
    }
    for (const [address, { state, status }] of this.tasks) {
      const mayWait = ["pending", "running.waitingForInput", "running.paused"];
      hold(status === "done" || mayWait.includes(state), () => `${address} is ${state} at rest`);
    }
  }

  #tookTask({ address, state, status, event }: JournalRow, commit: Commit): void {
    const { type, input } = JSON.parse(event) as { type: string; input?: JsonObject };
    this.tasks.set(address, { state, status });
    if (type !== "xstate.init") return;
    const vm = input?.["vm"] as { id: string; make: unknown } | undefined;
    if (vm === undefined || vm.make === null) return;
    const isOne = commit.journal.some((row) => row.address === `vm:${vm.id}`);
    hold(isOne, () => `${address} was made without its VM`);
  }

  #tookVm(
    vmId: string,
    { before, known, cause }: { before: Known; known: Known; cause: string },
  ): void {
    const now = this.now();
    const { idle } = known.context.settings;
    const used = this.lastUse.get(vmId);
    const isTimer = cause.startsWith("timer/");
    if (known.state === "suspending") {
      const isHeld = Object.values(known.context.tasks).includes("holds");
      hold(!isHeld, () => `${vmId} is put to sleep while a task holds it`);
      const early = (used?.any ?? 0) + (idle.sleepMs ?? Infinity) - now;
      hold(!isTimer || early <= 0, () => `${vmId} is put to sleep ${early} ms early`);
    }
    if (known.state === "recycling" && known.context.method === "idle") {
      const early = (used?.activity ?? 0) + (idle.recycleMs ?? Infinity) - now;
      hold(early <= 0, () => `${vmId} is recycled ${early} ms early`);
      const { recycleFrom } = before.context;
      const standsFor = recycleFrom - Math.max(used?.activity ?? 0, known.context.lastActivityAt);
      const isNoted = recycleFrom === before.context.lastActivityAt + debounceMs(idle);
      hold(!isNoted || standsFor <= debounceMs(idle), () => `${vmId} is recycled late`);
    }
    const isWrong = before.state === "recycled" && known.state !== "recycled";
    hold(!isWrong, () => `${vmId} is ${known.state} after it was recycled`);
  }
}

function idOf(address: string): string {
  return address.slice(address.indexOf(":") + 1);
}

function hold(condition: boolean, detail: () => string): asserts condition {
  if (!condition) throw new VmViolation(detail());
}
