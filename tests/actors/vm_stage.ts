/** VMs, and tasks in them, on a simulated clock: the server can die, what providers have goes on. */
import type { Executor } from "../../actors/adapters/executor/executor.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import type { ActorRecord, EventInput } from "../../actors/runtime/kind.ts";
import type { Receipt } from "../../actors/runtime/system.ts";
import { createScheduleKind } from "../../actors/schedule.ts";
import { createSystemJobs } from "../../actors/system_jobs.ts";
import { createTaskKind } from "../../actors/task.ts";
import { createVmKind } from "../../actors/vm.ts";
import { createVmAccess, type VmAccess } from "../../actors/vm_access.ts";
import { createVmJob } from "../../actors/vm_reconcile.ts";
import { vmContext } from "../../actors/vm_view.ts";
import type { VmContext } from "../../machines/vm_context.ts";
import { settled } from "../simulation/clock.ts";
import { Stage } from "../simulation/stage.ts";
import { FakeVmProvider } from "../testing/fake_vm_provider.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export class VmStage {
  readonly stage = new Stage([]);
  readonly provider = new FakeVmProvider();
  /** Others beside it. */
  readonly others: FakeVmProvider[] = [];
  /** What the job that looks after VMs found. */
  readonly findings: string[] = [];
  executors: { readonly [name: string]: Executor } = {};
  vmExecutors: { readonly [name: string]: Executor } = {};
  access: VmAccess | undefined;
  jobs = createSystemJobs();

  static async start(): Promise<VmStage> {
    const stage = new VmStage();
    await stage.boot();
    return stage;
  }

  get now(): number {
    return this.stage.clock.now();
  }

  /** Starts a server on the data; one that is up dies first. */
  async boot(): Promise<void> {
    const { stage } = this;
    const clock = {
      now: () => stage.clock.now(),
      wake: (at: number, run: () => void) => stage.clock.portOf(stage.process).wake(at, run),
    };
    const providers = new VmProviders([this.provider, ...this.others], clock);
    const { executors, vmExecutors } = this;
    this.jobs = createSystemJobs();
    const job = createVmJob({
      providers,
      system: () => stage.system,
      clock,
      report: (finding) => void this.findings.push(finding),
    });
    this.jobs.registerSystemJob("vms", MINUTE, job);
    stage.kinds = [
      createTaskKind({ executors, vmExecutors }),
      createVmKind({ providers }),
      createScheduleKind({ runJob: this.jobs.runJob }),
    ];
    const system = await stage.boot();
    this.access = createVmAccess({ system, providers, clock, log: () => {} });
  }

  /** The server dies; another is there after so much time. */
  async restart(afterMs = 0): Promise<void> {
    this.stage.crash();
    if (afterMs > 0) await this.stage.pass(afterMs);
    await this.boot();
    await this.pass(0);
  }

  async make(input: object = {}, id = "vm_1"): Promise<void> {
    const { system } = this.stage;
    const createdAt = this.now;
    await this.stage.during(
      system.spawn("vm", id, { id, provider: "fake", createdAt, ...input }),
    );
    await this.pass(0);
  }

  async makeTask(input: object, id = "task_1"): Promise<Receipt> {
    const { system } = this.stage;
    const full = { id, command: ["true"], createdAt: this.now, ...input };
    const receipt = await this.stage.during(system.spawn("task", id, full));
    await this.pass(0);
    return receipt;
  }

  async send(event: EventInput, address = "vm:vm_1"): Promise<Receipt> {
    return await this.stage.during(this.stage.system.send(address, event));
  }

  async use(use: "activity" | "keepAwake" = "activity"): Promise<void> {
    await this.send({ type: "vm.used", use });
  }

  async record(address = "vm:vm_1"): Promise<ActorRecord> {
    return await this.stage.during(this.stage.system.get(address));
  }

  async state(address = "vm:vm_1"): Promise<string> {
    return (await this.record(address)).state;
  }

  async context(): Promise<VmContext> {
    return vmContext(await this.record());
  }

  /** Lets so much time pass, and everything happen that is due then. */
  async pass(ms: number): Promise<void> {
    const { stage } = this;
    // What was begun before comes first.
    await settled();
    await stage.pass(ms);
    // What is due at the last moment happens too, in whatever order.
    while (stage.clock.untilNext <= 0) await stage.clock.step();
  }

  /** Lets time pass until the actor is in a state; throws when that takes longer than `limitMs`. */
  async until(state: string, limitMs: number, address = "vm:vm_1"): Promise<void> {
    const { system } = this.stage;
    const reached = system.waitFor(address, (record) => record.state === state, {
      timeoutMs: limitMs,
    });
    await this.stage.during(reached);
  }

  async startJobs(): Promise<void> {
    await this.stage.during(this.jobs.start(this.stage.system));
  }

  /** How often the provider was asked for something. */
  calls(operation: string): number {
    return this.provider.calls.filter((call) => call.startsWith(`${operation} `)).length;
  }
}
