/**
 * The watchdog over a fleet that is well: tasks of every sort, schedules, goals and VMs, with
 * people who come late, servers that die and stay away, and clocks that are set. It must find
 * nothing, since whoever is told of nothing three times looks away the fourth.
 */
import { assert, assertEquals } from "@std/assert";
import { createAlertKind } from "../../actors/alert.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import type { EventInput } from "../../actors/runtime/kind.ts";
import { createSystemJobs } from "../../actors/system_jobs.ts";
import { createVmKind } from "../../actors/vm.ts";
import { createWatchdog } from "../../actors/watchdog.ts";
import { Random } from "../simulation/random.ts";
import { FakeVmProvider } from "../testing/fake_vm_provider.ts";
import { AutomationStage, HOUR, MINUTE } from "./automation_stage.ts";

const HOURS = 12;

class Fleet {
  readonly world = new AutomationStage();
  readonly random: Random;
  readonly provider = new FakeVmProvider();
  jobs = createSystemJobs();
  looks = 0;
  #ids = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.world.work = () => ({
      ms: this.random.int(1_000, 4 * MINUTE),
      exitCode: this.random.chance(0.8) ? 0 : 1,
    });
  }

  async boot(): Promise<void> {
    const { world } = this;
    const { stage } = world;
    const clock = {
      now: () => stage.clock.now(),
      wake: (at: number, run: () => void) => stage.clock.portOf(stage.process).wake(at, run),
    };
    const watchdog = createWatchdog({ system: () => stage.system, clock });
    this.jobs = createSystemJobs();
    this.jobs.registerSystemJob("watchdog", MINUTE, (run) => {
      this.looks += 1;
      return watchdog(run);
    });
    world.runJob = this.jobs.runJob;
    const providers = new VmProviders([this.provider], clock);
    world.moreKinds = [createAlertKind(), createVmKind({ providers })];
    await world.boot();
    await stage.during(this.jobs.start(stage.system));
  }

  async crash(awayMs: number): Promise<void> {
    this.world.stage.crash();
    await this.world.stage.pass(awayMs);
    await this.boot();
  }

  /** Makes one more of something, or does something to what there is. */
  async stir(): Promise<void> {
    const { random, world } = this;
    const id = `n${++this.#ids}`;
    const createdAt = world.now;
    switch (random.int(0, 7)) {
      case 0:
        return await this.#spawn("task", {
          id,
          command: ["work"],
          createdAt,
          requireApproval: true,
        });
      case 1:
        return await this.#spawn("task", {
          ...{ id, command: ["work"], createdAt, executor: "command" },
          retry: { maxAttempts: 3 },
          startAt: createdAt + random.int(0, HOUR),
        });
      case 2:
        await world.schedule({
          rule: { everySeconds: random.int(60, 900) },
          overlap: random.pick(["skip", "queue", "replace"] as const),
          maxRuns: random.int(1, 8),
          session: random.chance(0.5) ? "shared" : null,
        }, id);
        return;
      case 3:
        await world.goal({ deadlineAt: createdAt + random.int(10 * MINUTE, 3 * HOUR) }, id, {
          scope: id,
        });
        return;
      case 4:
        return await this.#spawn("vm", {
          ...{ id, provider: "fake", createdAt },
          idle: { sleepMs: random.int(MINUTE, HOUR), recycleMs: 3 * HOUR },
        });
      default:
        return await this.#steer();
    }
  }

  async #spawn(kind: string, input: { id: string; [field: string]: unknown }): Promise<void> {
    const { stage } = this.world;
    await stage.during(stage.system.spawn(kind, input.id, input));
  }

  /** Sends some actor something that it takes. */
  async #steer(): Promise<void> {
    const { random, world: { stage } } = this;
    const kind = random.pick(["task", "schedule", "goal", "vm"] as const);
    const list = stage.system.list(kind, { status: "active", limit: 200 });
    const { items } = await stage.during(list);
    const own = items.filter(({ id }) => !id.startsWith("system_"));
    if (own.length === 0) return;
    const { address } = random.pick(own);
    const accepted = await stage.during(stage.system.accepts(address));
    const wanted = COMMANDS.filter(({ type }) => accepted.includes(type));
    if (wanted.length === 0) return;
    const event = random.pick(wanted);
    const send = async () => {
      try {
        await stage.system.send(address, event);
      } catch (error) {
        // It takes it only under conditions.
        if (!(error instanceof NotAcceptedError)) throw error;
      }
    };
    await stage.during(send());
  }
}

const COMMANDS: readonly EventInput[] = [
  { type: "task.approve" },
  { type: "task.pause" },
  { type: "task.resume" },
  { type: "task.cancel" },
  { type: "schedule.run" },
  { type: "schedule.pause" },
  { type: "schedule.resume" },
  { type: "goal.pause" },
  { type: "goal.resume" },
  { type: "goal.delay", seconds: 600 },
  { type: "vm.wake" },
  { type: "vm.sleep" },
  { type: "vm.recycle" },
];

for (const seed of [1, 2]) {
  Deno.test(`watchdog raises nothing over a busy fleet for ${HOURS} h, seed ${seed}`, async () => {
    const fleet = new Fleet(seed);
    const { world, random } = fleet;
    const { stage } = world;
    await fleet.boot();
    const end = world.now + HOURS * HOUR;
    while (world.now < end) {
      await fleet.stir();
      await world.pass(random.int(0, 4 * MINUTE));
      if (random.chance(0.03)) await fleet.crash(random.int(0, random.pick([MINUTE, 2 * HOUR])));
      if (random.chance(0.03)) stage.clock.jump(random.int(-10, 60) * MINUTE);
    }
    const { items } = await stage.during(stage.system.list("alert", { limit: 200 }));
    assertEquals(items.map(({ context }) => [context["kind"], context["reason"]]), []);
    assert(fleet.looks > 300, `it has looked ${fleet.looks} times only`);
    const tallies = (await stage.during(stage.system.stats())).tallies;
    const lived = new Set(tallies.map(({ kind }) => kind));
    assertEquals(["task", "schedule", "goal", "vm"].every((kind) => lived.has(kind)), true);
  });
}
