/**
 * Alerts as a server raises them: the watchdog runs as a job on a simulated clock, conditions come
 * and go, and the server dies. Whatever happens, one and the same is told once in half an hour.
 */
import { assert, assertEquals } from "@std/assert";
import { setup } from "xstate";
import { asAlert, createAlertKind } from "../../actors/alert.ts";
import type { Notification } from "../../actors/notify.ts";
import type { ActorRecord, EventInput, KindDefinition } from "../../actors/runtime/kind.ts";
import { asSchedule, createScheduleKind } from "../../actors/schedule.ts";
import { createSystemJobs } from "../../actors/system_jobs.ts";
import { createWatchdog } from "../../actors/watchdog.ts";
import { settled } from "../simulation/clock.ts";
import { Random } from "../simulation/random.ts";
import { Stage } from "../simulation/stage.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const machine = setup({}).createMachine({
  id: "probe",
  initial: "resting",
  on: { lose: ".lost", rest: ".resting", end: ".ended" },
  states: { lost: {}, resting: { tags: ["waiting"] }, ended: { type: "final" } },
});

const PROBE: KindDefinition = { name: "probe", version: 1, machine };

class AlertStage {
  readonly stage = new Stage([]);
  readonly told: (Notification & { at: number })[] = [];

  constructor(readonly probe: KindDefinition) {}

  static async start(probe = PROBE): Promise<AlertStage> {
    const alerts = new AlertStage(probe);
    await alerts.boot();
    return alerts;
  }

  async boot(): Promise<void> {
    const { stage } = this;
    const jobs = createSystemJobs();
    const system = () => stage.system;
    jobs.registerSystemJob("watchdog", MINUTE, createWatchdog({ system, clock: stage.clock }));
    stage.kinds = [
      this.probe,
      createScheduleKind({ runJob: jobs.runJob }),
      createAlertKind({
        notify: (word) => void this.told.push({ ...word, at: stage.clock.now() }),
      }),
    ];
    await stage.boot();
    await stage.during(jobs.start(stage.system));
  }

  /** Lets so much time pass; a server that died meanwhile is started again. */
  async pass(ms: number): Promise<void> {
    const { stage } = this;
    const until = stage.clock.elapsed + ms;
    while (stage.clock.elapsed < until) {
      await stage.pass(Math.min(MINUTE, until - stage.clock.elapsed));
      await settled();
      if (!stage.process.alive) await this.boot();
    }
  }

  async spawn(id: string): Promise<void> {
    await this.stage.during(this.stage.system.spawn("probe", id, {}));
  }

  async send(event: EventInput, address = "probe:a"): Promise<void> {
    await this.stage.during(this.stage.system.send(address, event));
  }

  /** All alerts that there have been, oldest first. */
  async alerts(): Promise<ActorRecord[]> {
    const query = { sort: "oldest", limit: 200 } as const;
    return (await this.stage.during(this.stage.system.list("alert", query))).items;
  }

  /** When the feed was told of each, by what it is about. */
  announced(): Map<string, number[]> {
    const found = new Map<string, number[]>();
    for (const { at, emitted } of this.stage.commits.flatMap(({ journal }) => journal)) {
      const words = emitted === null ? [] : JSON.parse(emitted) as { [name: string]: string }[];
      for (const { type, kind, address } of words) {
        if (type !== "alert.raised") continue;
        const key = `${kind} ${address}`;
        found.set(key, [...found.get(key) ?? [], at]);
      }
    }
    return found;
  }
}

/** A probe that is lost, of which the watchdog knows. */
async function raised(): Promise<AlertStage> {
  const alerts = await AlertStage.start();
  await alerts.spawn("a");
  await alerts.pass(4 * MINUTE);
  await alerts.send({ type: "lose" });
  await alerts.pass(2 * MINUTE);
  return alerts;
}

Deno.test("an alert is told when it is raised, and every half hour while it holds", async () => {
  const alerts = await raised();
  assertEquals(alerts.told.map(({ type, address }) => [type, address]), [[
    "alert.raised",
    "probe:a",
  ]]);
  await alerts.pass(95 * MINUTE);
  const [first = 0, ...later] = alerts.told.map(({ at }) => at);
  assertEquals(later.map((at) => (at - first) / MINUTE), [30, 60, 90]);
  assertEquals(alerts.announced(), new Map([["unattended probe:a", [first, ...later]]]));
  assertEquals((await alerts.alerts()).length, 1);
});

Deno.test("an alert that somebody has seen is told no more", async () => {
  const alerts = await raised();
  const [alert] = await alerts.alerts();
  assert(alert !== undefined);
  await alerts.send({ type: "alert.acknowledge", by: "anna", note: "On it" }, alert.address);
  await alerts.pass(5 * HOUR);
  const [seen] = await alerts.alerts();
  assertEquals([alerts.told.length, seen?.state], [1, "raised"]);
  const { acknowledged } = asAlert(seen?.context ?? {});
  assertEquals([acknowledged?.by, acknowledged?.note], ["anna", "On it"]);
});

Deno.test("an alert recedes when what it is about is mended or has ended, and is cleared then", async () => {
  for (const type of ["rest", "end"]) {
    const alerts = await raised();
    await alerts.send({ type });
    await alerts.pass(MINUTE);
    assertEquals((await alerts.alerts()).map(({ state }) => state), ["receded"]);
    await alerts.pass(HOUR);
    assertEquals((await alerts.alerts()).map(({ state }) => state), ["cleared"]);
    assertEquals(alerts.told.length, 1);
  }
});

Deno.test("an alert that comes back soon is the same, and one that comes back later another", async () => {
  const alerts = await raised();
  for (let time = 0; time < 3; time++) {
    await alerts.send({ type: "rest" });
    await alerts.pass(2 * MINUTE);
    await alerts.send({ type: "lose" });
    await alerts.pass(2 * MINUTE);
  }
  assertEquals([alerts.told.length, (await alerts.alerts()).length], [1, 1]);
  await alerts.send({ type: "rest" });
  await alerts.pass(HOUR);
  await alerts.send({ type: "lose" });
  await alerts.pass(2 * MINUTE);
  assertEquals([alerts.told.length, (await alerts.alerts()).length], [2, 2]);
});

Deno.test("alerts are told once in half an hour whatever crashes when", async () => {
  const random = new Random(7);
  const alerts = await AlertStage.start();
  for (const id of ["a", "b", "c"]) await alerts.spawn(id);
  for (let turn = 0; turn < 300; turn++) {
    const address = `probe:${random.pick(["a", "b", "c"])}`;
    await alerts.send({ type: random.pick(["lose", "rest"]) }, address);
    if (random.chance(0.3)) {
      const when = random.pick(["before", "torn", "after"] as const);
      const stands = Array.from({ length: random.int(0, 6) }, () => ({ type: "stands" }) as const);
      alerts.stage.fates.push(...stands, { type: "dies", when });
    }
    await alerts.pass(random.int(1, 12) * MINUTE);
    // What was planned for a process that is gone does not befall the next.
    alerts.stage.fates.length = 0;
  }
  await alerts.pass(10 * MINUTE);
  const states = await Promise.all(["a", "b", "c"].map(async (id) => {
    const record = await alerts.stage.during(alerts.stage.system.get(`probe:${id}`));
    return record.state === "lost" ? [`probe:${id}`] : [];
  }));
  const holding = (await alerts.alerts()).filter(({ state }) => state === "raised");
  assertEquals(holding.map(({ context }) => context["actor"]).sort(), states.flat());
  const announced = alerts.announced();
  assertEquals([...announced.keys()].sort(), ["a", "b", "c"].map((id) => `unattended probe:${id}`));
  for (const [about, times] of announced) {
    assert(times.length > 10, `${about} was told ${times.length} times`);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    assert(Math.min(...gaps) >= 30 * MINUTE, `${about} was told twice in ${Math.min(...gaps)} ms`);
  }
  assert(alerts.stage.process.number > 20, "the server died too seldom to show anything");
});

Deno.test("the watchdog looks at who sleeps a page a round, and finds who is lost among them", async () => {
  // One state for both, as a kind may have it.
  const alerts = await AlertStage.start({ ...PROBE, state: () => "any" });
  for (let id = 0; id < 1_000; id++) await alerts.spawn(`p${id}`);
  await alerts.send({ type: "lose" }, "probe:p999");
  await alerts.pass(3 * MINUTE);
  const watchdog = alerts.stage.system.get("schedule:system_watchdog");
  const { last } = asSchedule((await alerts.stage.during(watchdog)).context);
  assertEquals(last?.result, "Looked at 201 actors and found 0 alerts; 0 raised, 0 receded");
  await alerts.pass(3 * MINUTE);
  assertEquals(alerts.told.map(({ address }) => address), ["probe:p999"]);
  // While its rounds pass by others, it sees that this one is still lost.
  for (let minute = 0; minute < 6; minute++) {
    await alerts.pass(MINUTE);
    assertEquals((await alerts.alerts()).map(({ state }) => state), ["raised"]);
  }
});

Deno.test("the watchdog takes nothing back of which it may not have read all, and raises a thousand at most", async () => {
  const alerts = await AlertStage.start();
  const { stage } = alerts;
  // Between two rounds.
  await alerts.pass(4.5 * MINUTE);
  /** As many timers as are read at once, of actors of each round's own. */
  const late = (round: number) =>
    Array.from({ length: 200 }, (_, timer) => {
      return { address: `probe:${round}-${timer}`, timer: "later", dueAt: 0 };
    });
  const look = async (timers: ReturnType<typeof late>): Promise<string> => {
    Object.assign(stage.system, { overdue: () => Promise.resolve(timers) });
    await alerts.pass(MINUTE);
    const { context } = await stage.during(stage.system.get("schedule:system_watchdog"));
    return asSchedule(context).last?.result ?? "";
  };
  for (let round = 0; round < 5; round++) await look(late(round));
  assertEquals(
    await look(late(5)),
    "Looked at 1 actors and found 200 alerts; 0 raised, 0 receded; 200 not raised, since 1000 hold",
  );
  assertEquals(
    await look(late(5).slice(1)),
    "Looked at 1 actors and found 199 alerts; 0 raised, 1000 receded; 199 not raised, since 1000 hold",
  );
});
