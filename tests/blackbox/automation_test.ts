/**
 * Goals and schedules, checked from outside on a real server with real programs: it is killed with
 * SIGKILL in an iteration, in an audit, between a slot and its run and in a run, and afterwards
 * every slot has run once, every goal is complete by its audit, and nothing is left running.
 *
 * `HOLDFAST_KILL_ROUNDS=100 deno task test tests/blackbox/automation_test.ts` for many rounds.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { startServer, type TestServer } from "../testing/server.ts";
import { AIMS, AutomationFleet, type Round } from "./automation_fleet.ts";
import { ask, type Body, until } from "./caller.ts";

const ROUNDS = Number(Deno.env.get("HOLDFAST_KILL_ROUNDS") ?? AIMS.length);

Deno.test(`a server that is killed ${ROUNDS} times runs each slot once, and completes each goal by its audit`, async () => {
  const seed = Number(Deno.env.get("HOLDFAST_KILL_SEED") ?? Date.now() % 1_000_000);
  say(`seed ${seed}, ${ROUNDS} rounds`);
  await using server = await startServer({ env: { HOLDFAST_LOG_LEVEL: "info" } });
  const witnesses = await Deno.makeTempDir({ prefix: "holdfast_automation_" });
  const fleet = new AutomationFleet(witnesses, generator(seed));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      await fleet.live(server, AIMS[round % AIMS.length] ?? null);
    }
    for (const round of fleet.rounds) await checkRound(server, round);
    await checkNothingLeft(server, fleet);
    const hits = [...fleet.hits].map(([aim, count]) => `${count} ${aim ?? "anywhere"}`);
    say(`${fleet.rounds.length} goals, kills: ${hits.join(", ")}`);
  } catch (error) {
    const told = server.log.filter((line) => /"level":"(warn|error)"/.test(line));
    say(told.slice(-20).join("\n    "));
    throw error;
  } finally {
    await Deno.remove(witnesses, { recursive: true });
  }
});

Deno.test("a goal is claimed, sent back, claimed again and complete, and says how", async () => {
  await using server = await startServer();
  const witnesses = await Deno.makeTempDir({ prefix: "holdfast_automation_" });
  try {
    const fleet = new AutomationFleet(witnesses, () => 0);
    const goal = await completeGoal(server, await fleet.makeGoal(server, "goal_1"));
    assertEquals([goal.iteration, goal.audits, goal.findings], [2, 2, []]);
    assertEquals([goal.claim.summary, goal.spent], ["All is done", { tokens: 10, usd: 0 }]);
    const [, , second] = await tasksOf(server, "goal:goal_1");
    assertMatch(second.prompt, /No docs/);
    const { status, body } = await ask(server, "/v1/goals/goal_1/resume", { json: {} });
    assertEquals([status, body.type], [409, "urn:holdfast:problem:not-accepted"]);
  } finally {
    await Deno.remove(witnesses, { recursive: true });
  }
});

Deno.test("a person takes the session of a goal: its program is ended, and the goal waits", async () => {
  await using server = await startServer();
  const command = ["sh", "-c", "trap '' TERM; echo here > began; sleep 1000"];
  const witness = `goal of ${crypto.randomUUID()}`;
  const made = await ask(server, "/v1/goals", {
    json: {
      ...{ id: "goal_1", objective: "Everything is documented", session: "web" },
      task: { command, env: { WITNESS: witness }, killGraceMs: 200 },
    },
  });
  assertEquals(made.status, 201, JSON.stringify(made.body));
  await until("its program runs", async () => (await programsWith(witness)).length > 0);
  const turn = await ask(server, "/v1/sessions/web/turn", { json: { person: "ada" } });
  assertEquals(turn.status, 200, JSON.stringify(turn.body));
  const { body: goal } = await ask(server, "/v1/goals/goal_1");
  assertEquals([goal.state, goal.last.stopped], ["waitingForSession", "preempted"]);
  assertMatch(goal.why, /session "web", which ada holds/);
  await until("its program is gone", async () => (await programsWith(witness)).length === 0);
  const { body: cancelled } = await ask(server, "/v1/goals/goal_1/cancel", { json: {} });
  assertEquals([cancelled.state, cancelled.iteration], ["cancelled", 1]);
  assertEquals((await ask(server, "/v1/sessions/web")).body.holder, "ada");
});

Deno.test("two callers who patch one schedule at once: one wins, the other gets 412, nothing is mixed", async () => {
  await using server = await startServer();
  const made = await ask(server, "/v1/schedules", {
    json: { name: "old", schedule: { everySeconds: 3_600 }, task: { command: ["true"] } },
  });
  assertEquals(made.status, 201, JSON.stringify(made.body));
  let { id, revision } = made.body;
  for (let round = 0; round < 20; round++) {
    const changes = ["left", "right"].map((name, index) => ({
      name,
      schedule: { everySeconds: 60 + index },
      maxRuns: 1 + index,
    }));
    const answers = await Promise.all(
      changes.map((change) => patch(server, id, { ...change, expectedRevision: revision })),
    );
    assertEquals(answers.map(({ status }) => status).sort(), [200, 412]);
    const won = answers.findIndex(({ status }) => status === 200);
    const { body: now } = await ask(server, `/v1/schedules/${id}`);
    const { name, schedule, maxRuns } = now;
    assertEquals({ name, schedule, maxRuns }, changes[won]);
    revision = now.revision;
  }
});

async function checkRound(server: TestServer, { goal, late, slot, manual }: Round): Promise<void> {
  const done = await completeGoal(server, goal);
  assertEquals([done.iteration, done.audits], [2, 2], goal);
  const tasks = await tasksOf(server, `goal:${goal}`);
  assertEquals(tasks.map(({ state }) => state), Array(4).fill("succeeded"));
  const verdicts = tasks.map(({ result }) => result.report.audit ?? result.report.goal);
  assertEquals(verdicts, ["complete", "missing", "complete", "confirmed"], goal);
  await checkLate(server, late);
  for (const schedule of [slot, manual]) await checkRunOnce(server, schedule);
  for (const id of [goal, late]) {
    const gate = encodeURIComponent(`gate:${encodeURIComponent(`session ${id}`)}`);
    assertEquals((await ask(server, `/v1/actors/${gate}`)).body.state, "free");
  }
}

/** That a goal without time had one last iteration, after all others were called off. */
async function checkLate(server: TestServer, id: string): Promise<void> {
  const goal = await endOfGoal(server, id);
  assertEquals([goal.state, goal.lastResult], ["timeout", "Left in order"], goal.why);
  const tasks = await tasksOf(server, `goal:${id}`);
  const [last, ...others] = tasks.toReversed();
  assertEquals([goal.last.task, goal.last.kind, last.state], [
    `task:${last.id}`,
    "last",
    "succeeded",
  ]);
  assertEquals(others.map(({ state }) => state), Array(goal.iteration - 1).fill("cancelled"));
}

/** That a schedule has had one run, and no more tasks than that. */
async function checkRunOnce(server: TestServer, id: string): Promise<void> {
  let schedule: Body;
  await until(`${id} has run`, async () => {
    schedule = (await ask(server, `/v1/schedules/${id}`)).body;
    return schedule.run === null && schedule.counts.runs > 0;
  });
  const { runs, succeeded, failed, skipped, missed } = schedule.counts;
  assertEquals([runs, succeeded, failed, skipped, missed], [1, 1, 0, 0, 0], id);
  const tasks = await tasksOf(server, `schedule:${id}`);
  assertEquals(tasks.map(({ state }) => state), ["succeeded"], id);
}

async function completeGoal(server: TestServer, id: string): Promise<Body> {
  const goal = await endOfGoal(server, id);
  assertEquals([goal.state, goal.last.kind], ["complete", "audit"], goal.why);
  return goal;
}

async function endOfGoal(server: TestServer, id: string): Promise<Body> {
  let goal: Body;
  await until(`${id} has ended`, async () => {
    goal = (await ask(server, `/v1/goals/${id}?waitMs=5000`)).body;
    return goal.endedAt !== null;
  });
  return goal;
}

/** Tasks that something made, oldest first. */
async function tasksOf(server: TestServer, parent: string): Promise<Body[]> {
  const path = `/v1/tasks?parent=${encodeURIComponent(parent)}&sort=oldest&limit=200`;
  const { status, body } = await ask(server, path);
  assertEquals(status, 200, JSON.stringify(body));
  return await Promise.all(
    body.items.map(async ({ id }: Body) => (await ask(server, `/v1/tasks/${id}`)).body),
  );
}

async function checkNothingLeft(server: TestServer, fleet: AutomationFleet): Promise<void> {
  const names = (await Array.fromAsync(Deno.readDir(fleet.witnesses))).map(({ name }) => name);
  const overlaps = names.includes("overlaps")
    ? await Deno.readTextFile(`${fleet.witnesses}/overlaps`)
    : "";
  assertEquals(overlaps, "", "programs ran beside themselves");
  const ran = (await Deno.readTextFile(`${fleet.witnesses}/ran`)).trim().split("\n");
  const slots = fleet.rounds.flatMap(({ slot, manual }) => [slot, manual]);
  assertEquals([...new Set(ran)].sort(), slots.toSorted());
  assertEquals(await programsWith(fleet.witnesses), []);
  assertEquals((await ask(server, "/v1/dead-letters")).body.items, []);
  for (const { name, held } of (await ask(server, "/v1/pools")).body.items) {
    assertEquals([name, held], [name, 0]);
  }
}

/** Ids of processes that have a text in their environment. */
async function programsWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if ((await Deno.readTextFile(`/proc/${name}/environ`)).includes(text)) found.push(name);
    } catch (error) {
      // It has ended meanwhile, or somebody else has started it.
      const isGone = error instanceof Deno.errors.NotFound || String(error).includes("os error 3");
      const isOfOthers = error instanceof Deno.errors.PermissionDenied;
      if (!isGone && !isOfOthers) throw error;
    }
  }
  return found;
}

async function patch(server: TestServer, id: string, change: object) {
  return await ask(server, `/v1/schedules/${id}`, {
    method: "PATCH",
    body: JSON.stringify(change),
    headers: { "content-type": "application/merge-patch+json" },
  });
}

/** What one has to know to repeat a run. */
function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`    ${line}\n`));
}

/** Mulberry32: small, seeded, good enough to choose moments. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
