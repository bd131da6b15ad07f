/** Jobs of the system as schedules, on a simulated clock and with a server that dies. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { asSchedule, createScheduleKind } from "../../actors/schedule.ts";
import { createSystemJobs, type SystemJob, type SystemJobRun } from "../../actors/system_jobs.ts";
import type { ActorRecord, EventInput } from "../../actors/runtime/kind.ts";
import type { ScheduleContext } from "../../machines/schedule_context.ts";
import { settled } from "../simulation/clock.ts";
import { Stage } from "../simulation/stage.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

type Jobs = { readonly [name: string]: { every?: number; run: SystemJob } };

class JobsStage {
  readonly stage = new Stage([]);
  readonly runs: (SystemJobRun & { at: number })[] = [];
  readonly logged: string[] = [];

  /** Starts a server that has these jobs. */
  async boot(jobs: Jobs): Promise<void> {
    const system = createSystemJobs({
      log: (level, message, { error } = {}) => {
        this.logged.push(`${level} ${message}: ${(error as Error).message}`);
      },
    });
    for (const [name, { every = MINUTE, run }] of Object.entries(jobs)) {
      system.registerSystemJob(name, every, (given) => {
        this.runs.push({ ...given, at: this.stage.clock.now() });
        return run(given);
      });
    }
    this.stage.kinds = [createScheduleKind({ runJob: system.runJob })];
    await this.stage.boot();
    await this.stage.during(system.start(this.stage.system));
    await this.pass(0);
  }

  async restart(jobs: Jobs): Promise<void> {
    this.stage.crash();
    await this.boot(jobs);
  }

  async pass(ms: number): Promise<void> {
    const { stage } = this;
    await settled();
    await stage.pass(ms);
    // What is due at the last moment happens too.
    for (await settled(); stage.clock.untilNext <= 0; await settled()) await stage.clock.step();
  }

  send(event: EventInput, id = "system_sweep"): Promise<unknown> {
    return this.stage.during(this.stage.system.send(`schedule:${id}`, event));
  }

  async context(id = "system_sweep"): Promise<ScheduleContext> {
    return asSchedule((await this.stage.during(this.stage.system.get(`schedule:${id}`))).context);
  }

  async schedules(): Promise<ActorRecord[]> {
    return (await this.stage.during(this.stage.system.list("schedule", { sort: "oldest" }))).items;
  }
}

const quick: SystemJob = () => ({ summary: "Swept" });

async function start(run: SystemJob = quick): Promise<JobsStage> {
  const jobs = new JobsStage();
  await jobs.boot({ sweep: { run } });
  return jobs;
}

/** Goes on until its signal aborts. */
const hang: SystemJob = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

Deno.test("registerSystemJob() says why it refuses a name or an interval", () => {
  const jobs = createSystemJobs();
  jobs.registerSystemJob("sweep", MINUTE, quick);
  const cases = [
    ["Sweep", MINUTE, 'job "Sweep": want a name of small letters'],
    ["sweep", MINUTE, 'job "sweep": there is one of that name'],
    ["b", 59 * SECOND, "interval is 59000 ms, want whole seconds, and 60 of them at least"],
    ["b", MINUTE + 1, "interval is 60001 ms"],
    ["b", Infinity, "interval is Infinity ms"],
  ] as const;
  for (const [name, intervalMs, message] of cases) {
    assertThrows(() => jobs.registerSystemJob(name, intervalMs, quick), TypeError, message);
  }
});

Deno.test("a job runs once an interval, and is shown as a schedule in the scope system", async () => {
  const jobs = await start();
  const [record] = await jobs.schedules();
  assert(record !== undefined);
  assertEquals([record.address, record.state], ["schedule:system_sweep", "active.armed"]);
  const { scope, plan } = await jobs.context();
  assertEquals([scope, plan.overlap, plan.catchUp], ["system", "skip", "latest"]);
  const begin = jobs.stage.clock.now();
  await jobs.pass(3 * MINUTE);
  assertEquals(jobs.runs.map(({ at }) => at - begin), [MINUTE, 2 * MINUTE, 3 * MINUTE]);
  assertEquals((await jobs.context()).last?.result, "Swept");
});

Deno.test("a job remembers what it wants to, also over a crash", async () => {
  const count: SystemJob = ({ memory }) => {
    const runs = ((memory as { runs: number } | null)?.runs ?? 0) + 1;
    return { summary: `${runs} runs`, memory: { runs } };
  };
  const jobs = await start(count);
  await jobs.pass(2 * MINUTE);
  await jobs.restart({ sweep: { run: count } });
  await jobs.pass(MINUTE);
  assertEquals((await jobs.context()).last?.result, "3 runs");
});

Deno.test("a job that fails shows its error, keeps its memory, and goes on", async () => {
  const jobs = await start(({ memory }) => {
    if (memory !== null) throw new Error("The broom is broken");
    return { summary: "Swept", memory: { room: 1 } };
  });
  await jobs.pass(10 * MINUTE);
  const { last, counts, memory } = await jobs.context();
  assertEquals([last?.outcome, last?.error], ["failed", "The broom is broken"]);
  assertEquals([counts.succeeded, counts.failed], [1, 9]);
  assertEquals(memory, { room: 1 });
  const [first, ...others] = jobs.logged;
  assertEquals([first, others.length], ['error Job "sweep" failed: The broom is broken', 8]);
});

Deno.test("a job that wants to remember too much fails", async () => {
  const jobs = await start(() => ({ summary: "Swept", memory: "x".repeat(17 * 1024) }));
  await jobs.pass(MINUTE);
  assertStringIncludes((await jobs.context()).last?.error ?? "", "wants to remember 17410 char");
});

Deno.test("a run that a crash cut off is made again for the same slot, with the same key", async () => {
  const jobs = await start(hang);
  await jobs.pass(MINUTE);
  await jobs.restart({ sweep: { run: quick } });
  const [cut, again, ...more] = jobs.runs;
  assertEquals([again?.slot, again?.key], [cut?.slot, cut?.key]);
  assertEquals(more, []);
  const { last, counts } = await jobs.context();
  assertEquals([last?.outcome, counts.runs], ["succeeded", 1]);
});

Deno.test("a run that a stop cuts off is made again, and is no failure to anybody", async () => {
  const jobs = await start(hang);
  await jobs.pass(MINUTE);
  const { stage } = jobs;
  await stage.during(stage.system.stop());
  await jobs.restart({ sweep: { run: quick } });
  assertEquals([jobs.runs.length, jobs.logged], [2, []]);
});

Deno.test("a job never runs twice at a time, also where a run minds no signal", async () => {
  let running = 0;
  let most = 0;
  const jobs = new JobsStage();
  const { clock, nature } = jobs.stage;
  await jobs.boot({
    sweep: {
      run: async () => {
        most = Math.max(most, ++running);
        // Longer than a run may take: nobody waits for its end.
        await clock.sleep(25 * MINUTE, nature);
        running -= 1;
        return { summary: "Swept" };
      },
    },
  });
  await jobs.pass(22 * MINUTE);
  assertEquals([most, jobs.runs.length], [1, 1]);
  const { last } = await jobs.context();
  assertEquals(last?.error, 'Cannot run job "sweep": its last run has not let go yet');
  await jobs.pass(10 * MINUTE);
  assertEquals([most, jobs.runs.length], [1, 2]);
});

Deno.test("slots that passed while no server ran are made up for by one run", async () => {
  const jobs = await start();
  jobs.stage.crash();
  await jobs.pass(90 * MINUTE);
  await jobs.boot({ sweep: { run: quick } });
  assertEquals(jobs.runs.length, 1);
});

Deno.test("start() leaves a job paused that somebody has paused", async () => {
  const jobs = await start();
  await jobs.send({ type: "schedule.pause", reason: "Too loud" });
  await jobs.restart({ sweep: { run: quick, every: 5 * MINUTE } });
  await jobs.pass(30 * MINUTE);
  assertEquals(jobs.runs, []);
  const { paused, plan } = await jobs.context();
  assertEquals(paused, { reason: "person", detail: "Too loud" });
  assertEquals(plan.rule, { everySeconds: 300 });
  await jobs.send({ type: "schedule.run" });
  await jobs.pass(0);
  assertEquals(jobs.runs.length, 1);
});

Deno.test("start() gives a job its new interval, and changes nothing where there is none", async () => {
  const jobs = await start();
  const [before] = await jobs.schedules();
  await jobs.restart({ sweep: { run: quick } });
  const [same] = await jobs.schedules();
  assertEquals(same?.revision, before?.revision);
  await jobs.restart({ sweep: { run: quick, every: 10 * MINUTE } });
  await jobs.pass(30 * MINUTE);
  assertEquals(jobs.runs.length, 3);
});

Deno.test("start() deletes schedules of jobs that are no more, and brings them back with their jobs", async () => {
  const jobs = await start();
  for (let boot = 0; boot < 2; boot++) await jobs.restart({ other: { run: quick } });
  await jobs.pass(5 * MINUTE);
  const states = (await jobs.schedules()).map(({ id, state }) => [id, state]);
  assertEquals(states, [["system_sweep", "deleted"], ["system_other", "active.armed"]]);
  const runs = jobs.runs.length;
  await jobs.restart({ sweep: { run: quick }, other: { run: quick } });
  await jobs.pass(5 * MINUTE);
  assertEquals(jobs.runs.length, runs + 10);
});

Deno.test("start() that a crash cut off at any commit is finished by the next", async () => {
  for (const commits of [0, 1, 2]) {
    const jobs = await start();
    await jobs.restart({});
    jobs.stage.crash();
    const system = createSystemJobs();
    system.registerSystemJob("sweep", 2 * MINUTE, quick);
    jobs.stage.kinds = [createScheduleKind({ runJob: system.runJob })];
    await jobs.stage.boot();
    jobs.stage.fates.push(...Array.from({ length: commits }, () => ({ type: "stands" }) as const));
    jobs.stage.fates.push({ type: "dies", when: "before" });
    // The crash drops whoever waits for it.
    void system.start(jobs.stage.system);
    await jobs.pass(0);
    await jobs.boot({ sweep: { run: quick, every: 2 * MINUTE } });
    const [record] = await jobs.schedules();
    assertEquals(record?.state, "active.armed", `after ${commits} commits`);
    await jobs.pass(4 * MINUTE);
    assertEquals(jobs.runs.length, 2, `after ${commits} commits`);
  }
});

Deno.test("start() makes a job another schedule once the first was purged", async () => {
  const jobs = await start();
  await jobs.restart({});
  await jobs.pass(31 * DAY);
  assertEquals((await jobs.schedules()).map(({ status }) => status), ["done"]);
  for (let boot = 0; boot < 2; boot++) await jobs.restart({ sweep: { run: quick } });
  const active = (await jobs.schedules()).filter(({ status }) => status === "active");
  assertEquals(active.map(({ id }) => id), ["system_sweep.2"]);
  await jobs.pass(MINUTE);
  assertEquals(jobs.runs.length, 1);
});

Deno.test("start() leaves schedules alone that people put into the scope system", async () => {
  const jobs = await start();
  const { plan } = await jobs.context();
  const input = { id: "system_mine", scope: "system", createdAt: 0 };
  const mine = { ...plan, name: "mine", run: { task: { command: ["work"] } } };
  await jobs.stage.during(
    jobs.stage.system.spawn("schedule", "system_mine", { ...input, plan: mine }),
  );
  await jobs.restart({ sweep: { run: quick } });
  const states = (await jobs.schedules()).map(({ state }) => state);
  assertEquals(states, ["active.armed", "active.armed"]);
});
