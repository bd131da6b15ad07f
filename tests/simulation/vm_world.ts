/**
 * A simulated server with VMs, the machines that these are on, and a clock. The server dies and
 * comes back; the machines go on. Every commit that stands is checked at that moment.
 */
import type { Executor, ExecutorInput } from "../../actors/adapters/executor/executor.ts";
import { ExecutorError } from "../../actors/adapters/executor/executor.ts";
import { untilAborted } from "../../actors/adapters/vm/until_aborted.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import type { EffectContext } from "../../actors/runtime/kind.ts";
import { createSystem, type System } from "../../actors/runtime/system.ts";
import { MemoryStore } from "../../actors/store/memory.ts";
import { createScheduleKind } from "../../actors/schedule.ts";
import { createSystemJobs } from "../../actors/system_jobs.ts";
import { createTaskKind } from "../../actors/task.ts";
import { createVmKind } from "../../actors/vm.ts";
import { createVmAccess, type VmAccess } from "../../actors/vm_access.ts";
import { createVmJob } from "../../actors/vm_reconcile.ts";
import { SimulatedClock } from "./clock.ts";
import { type CommitFate, CrashingStore } from "./crashing_store.ts";
import { Process } from "./process.ts";
import { Random } from "./random.ts";
import { Trace } from "./trace.ts";
import { VmChecks, VmViolation } from "./vm_checks.ts";
import { VmHost } from "./vm_host.ts";

const MINUTE = 60_000;

/** From one look after VMs to the next, ms. */
const LOOK_EVERY_MS = 2 * MINUTE;

export type Server = { process: Process; system: System; access: VmAccess };

export class VmWorld {
  readonly random: Random;
  readonly clock: SimulatedClock;
  readonly trace: Trace;
  readonly host: VmHost;
  readonly checks: VmChecks;
  readonly nature = { name: "nature", alive: true };
  server: Server | undefined;
  violation: Error | undefined;
  /** Times that the clock was set forward. */
  jumps = 0;
  /** Processes that there have been, and events in the journal. */
  processes = 0;
  events = 0;
  isCalm = false;
  #store = new MemoryStore();
  #whenUp: ((server: Server) => void)[] = [];
  #ids = 0;

  constructor(readonly seed: number, print?: (line: string) => void) {
    this.random = new Random(seed);
    this.clock = new SimulatedClock(this.random);
    this.trace = new Trace(() => this.clock.elapsed, print);
    this.checks = new VmChecks(() => this.clock.now(), () => this.host);
    this.host = new VmHost(this.clock, this.random, {
      note: (text) => this.trace.note(text),
      suspends: (vmId) => this.check(() => this.checks.suspends(vmId)),
      deletes: (vmId) => this.check(() => this.checks.deletes(vmId)),
    });
  }

  /** Starts a server on the data. */
  async boot(): Promise<void> {
    const process = new Process(++this.processes);
    process.store = this.#storeOf(process);
    const clock = this.clock.portOf(process);
    const providers = new VmProviders(this.host.providersOf(process), clock);
    const look = createVmJob({
      providers,
      system: () => process.system,
      clock,
      report: (finding, fields) => this.trace.note(`${finding} ${JSON.stringify(fields)}`),
    });
    const jobs = createSystemJobs();
    // Two weeks of looks each minute would take most of the simulation's own time.
    jobs.registerSystemJob("vms", LOOK_EVERY_MS, (run) => {
      if (this.isCalm || this.random.chance(0.3)) return look(run);
      return { summary: "Left out", memory: run.memory };
    });
    const command = this.#executor(process);
    process.system = createSystem({
      store: process.store,
      kinds: [
        createTaskKind({ executors: { command }, vmExecutors: { command } }),
        createVmKind({ providers }),
        createScheduleKind({ runJob: jobs.runJob }),
      ],
      clock,
      random: () => this.random.next(),
      ids: () => String(this.#ids++),
      onFatal: (error) => this.fail(error),
      pools: { system: 50, "vm.provisioning": 20 },
    });
    const { system } = process;
    const started = await process.call(async () => {
      await system.start();
      await jobs.start(system);
    });
    if (started.type === "error") return this.fail(started.error);
    if (started.type === "lost") return;
    this.trace.note(`${process.name} is up`);
    this.checks.upSince = this.clock.now();
    const log = () => {};
    this.server = { process, system, access: createVmAccess({ system, providers, clock, log }) };
    for (const tell of this.#whenUp.splice(0)) tell(this.server);
  }

  /** The server, now or when there is one again. */
  up(): Promise<Server> {
    if (this.server !== undefined) return Promise.resolve(this.server);
    return new Promise((resolve) => this.#whenUp.push(resolve));
  }

  kill(process: Process, why: string): void {
    if (!process.alive) return;
    this.trace.note(`${process.name} dies: ${why}`);
    process.die();
    this.clock.drop(process);
    this.clock.drop(process.outside);
    this.checks.work.clear();
    this.server = undefined;
    this.#store = this.#store.reopen();
    const { random } = this;
    const pauseMs = random.int(0, random.chance(0.1) ? 600 * MINUTE : 5_000);
    this.clock.after(pauseMs, this.nature, () => void this.boot());
  }

  /** Somebody sets the clock forward. */
  jump(ms: number): void {
    this.trace.note(`the clock is set forward by ${ms} ms`);
    this.clock.jump(ms);
    this.jumps += 1;
    this.checks.clockSet();
  }

  fail(error: unknown): void {
    if (this.violation !== undefined) return;
    this.violation = error instanceof Error ? error : new Error(String(error));
    this.trace.note(`VIOLATION ${this.violation.message}`);
  }

  check(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof VmViolation)) throw error;
      this.fail(error);
    }
  }

  sleep(ms: number): Promise<void> {
    return this.clock.sleep(ms, this.nature);
  }

  #storeOf(process: Process): CrashingStore {
    return new CrashingStore(this.#store, {
      owner: process,
      latency: () => Promise.resolve(),
      beforeRead: () => {},
      fateOf: () => this.#fate(),
      die: (why) => this.kill(process, why),
      pruned: () => {},
      committed: (commit) => {
        this.events += commit.journal.length;
        for (const { address, event, state, cause } of commit.journal) {
          const { type } = JSON.parse(event) as { type: string };
          this.trace.note(`${address} ${type} → ${state} (${cause})`);
        }
        this.check(() => this.checks.committed(commit));
      },
    });
  }

  #fate(): CommitFate {
    if (this.isCalm || !this.random.chance(0.002)) return { type: "stands" };
    return { type: "dies", when: this.random.pick(["before", "torn", "after"] as const) };
  }

  #executor(process: Process): Executor {
    return {
      name: "command",
      available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
      run: async (input, context) => {
        await this.#work(process, input, context);
        return {
          exitCode: this.random.chance(0.9) ? 0 : 1,
          signal: null,
          output: "",
          truncated: false,
          outputBytes: 0,
          workDir: null,
          durationMs: 0,
        };
      },
      reattach: () => Promise.reject(new ExecutorError("orphaned", "Cannot go on: simulated")),
    };
  }

  /** Commands in a VM: now and then they ask a person, or are paused by one. */
  async #work(process: Process, { vm }: ExecutorInput, context: EffectContext): Promise<void> {
    const { checks, random } = this;
    if (vm === null) return this.fail(new VmViolation(`${context.address} works on the host`));
    const seen = this.host.vms.get(vm.vmId);
    if (seen === undefined || seen.state === "stopped") {
      throw new ExecutorError("runtime_offline", "Cannot run: the VM is gone");
    }
    let goOn = () => {};
    let isAsking = false;
    context.receive(({ type }) => {
      if (type === "executor.pause") checks.ends(vm.vmId, context.address);
      if (type !== "executor.resume" && type !== "executor.input") return;
      this.check(() => checks.begins(vm.vmId, context.address));
      if (isAsking) goOn();
    });
    await context.send({ type: "executor.started" });
    this.check(() => checks.begins(vm.vmId, context.address));
    try {
      for (let part = random.int(1, 3); part > 0; part--) {
        const ms = random.int(100, random.chance(0.2) ? 100 * MINUTE : 3 * MINUTE);
        await untilAborted(this.clock.sleep(ms, process.outside), context.signal);
        if (!random.chance(0.3)) continue;
        const answered = new Promise<void>((resolve) => goOn = resolve);
        isAsking = true;
        checks.ends(vm.vmId, context.address);
        await context.send({ type: "executor.inputRequested", question: "Which?" });
        await untilAborted(answered, context.signal);
        isAsking = false;
      }
    } finally {
      checks.ends(vm.vmId, context.address);
    }
  }
}
