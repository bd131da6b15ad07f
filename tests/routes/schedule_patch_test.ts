import { assertEquals, assertMatch } from "@std/assert";
import { HOUR, MINUTE, openScheduleWorld, START } from "./schedule_world.ts";

const PATH = "/v1/schedules/schedule_1";

Deno.test("PATCH /v1/schedules/{id} changes what it names, and leaves the rest", async () => {
  await using world = await openScheduleWorld();
  const env = { TOKEN: "s3cret", MODE: "a" };
  const task = { command: ["say", "hi"], env, labels: { team: "web" }, timeoutMs: 5_000 };
  const made = await world.schedule({ task, maxRuns: 3, session: "s" });
  const body = {
    name: "Hourly",
    maxRuns: null,
    task: { timeoutMs: null, priority: "high", env: { MODE: "b" }, command: ["say", "ho"] },
  };
  const changed = await world.json("PATCH", PATH, { body });
  assertEquals(changed, {
    ...made,
    name: "Hourly",
    maxRuns: null,
    task: {
      command: ["say", "ho"],
      labels: { team: "web" },
      priority: 3,
      vm: null,
      envNames: ["TOKEN", "MODE"],
    },
    revision: 2,
  });
  assertEquals(await world.json("GET", PATH), changed);
  // The value that nobody was shown is still there.
  await world.clock.advance(HOUR);
  const [run] = world.executor.runs;
  assertEquals([run?.env.TOKEN, run?.env.MODE, run?.command], ["s3cret", "b", ["say", "ho"]]);
});

Deno.test("PATCH /v1/schedules/{id}: another form of a rule takes the place of the one there", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  const after = async (schedule: object) => {
    const { schedule: rule, nextRunAt } = await world.json("PATCH", PATH, { body: { schedule } });
    return [rule, nextRunAt];
  };
  const cron = { cron: "0 12 * * *", timezone: "Europe/Berlin" };
  assertEquals(await after(cron), [cron, "2030-01-01T11:00:00.000Z"]);
  assertEquals(await after({ timezone: "UTC" }), [
    { ...cron, timezone: "UTC" },
    "2030-01-01T12:00:00.000Z",
  ]);
  const at = "2030-01-05T00:00:00.000Z";
  assertEquals(await after({ at }), [{ at }, at]);
  assertEquals(await after({ everySeconds: 60 }), [
    { everySeconds: 60 },
    "2030-01-01T00:01:00.000Z",
  ]);
});

Deno.test("PATCH /v1/schedules/{id}: of two at once one is answered with 412, and is not applied", async () => {
  await using world = await openScheduleWorld();
  const made = await world.schedule();
  const patches = [{ name: "A", maxRuns: 5 }, { name: "B", overlap: "queue" }];
  const answers = await Promise.all(patches.map((body) => world.call("PATCH", PATH, { body })));
  const statuses = answers.map(({ status }) => status);
  assertEquals(statuses.toSorted(), [200, 412]);
  const won = patches[statuses.indexOf(200)];
  assertEquals(await world.json("GET", PATH), { ...made, ...won, revision: 2 });
});

Deno.test("PATCH /v1/schedules/{id} heeds the revision in its body and in If-Match", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  const patch = (body: object, match?: string) =>
    world.call("PATCH", PATH, { body, headers: match === undefined ? {} : { "if-match": match } });
  assertEquals((await patch({ name: "A", expectedRevision: 2 })).status, 412);
  assertEquals((await patch({ name: "A" }, '"7"')).status, 412);
  const disagreeing = await patch({ name: "A", expectedRevision: 1 }, '"7"');
  assertEquals(disagreeing.status, 400);
  assertEquals((await patch({ name: "A", expectedRevision: 1 }, '"1"')).status, 200);
  const done = await patch({ name: "B", expectedRevision: 2 });
  assertEquals([done.status, done.headers.get("etag")], [200, '"3"']);
});

Deno.test("PATCH /v1/schedules/{id} takes both media types and no other", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  const status = async (type: string) => {
    const headers = { "content-type": type };
    return (await world.call("PATCH", PATH, { body: { name: "A" }, headers })).status;
  };
  assertEquals(await status("application/merge-patch+json"), 200);
  assertEquals(await status("application/json; charset=utf-8"), 200);
  assertEquals(await status("text/plain"), 415);
});

const REFUSED: readonly [unknown, number, string, readonly string[]][] = [
  [{ id: "schedule_2", createdBy: "x" }, 422, "invalid", ["/id", "/createdBy"]],
  [{ scope: "web", counts: { runs: 0 } }, 422, "invalid", ["/scope", "/counts"]],
  [{ nextRunAt: null, nonsense: 1 }, 422, "invalid", ["/nextRunAt", "/nonsense"]],
  ['{"__proto__": {"name": "x"}}', 422, "invalid", ["/__proto__"]],
  [{ task: { startAt: 1 } }, 422, "invalid", ["/task/startAt"]],
  [{ name: null }, 422, "invalid", ["/name"]],
  [{ task: { command: null } }, 422, "invalid", ["/task/command"]],
  [{ task: null }, 422, "invalid", ["/task"]],
  [{ task: { prompt: "{{nwo}}" } }, 422, "invalid", ["/task/prompt"]],
  [{ schedule: null }, 400, "invalid-schedule", ["/schedule"]],
  [{ schedule: { everySeconds: 5 } }, 400, "invalid-schedule", ["/schedule/everySeconds"]],
  [{ schedule: { cron: "@daily" } }, 400, "invalid-schedule", ["/schedule/timezone"]],
  [{ expiresAt: START }, 400, "contradictory", ["/expiresAt"]],
  [{ expectedRevision: "1" }, 422, "invalid", ["/expectedRevision"]],
  [[], 422, "invalid", [""]],
  ["{", 400, "malformed", []],
];

Deno.test("PATCH /v1/schedules/{id} refuses what cannot be, and changes nothing", async () => {
  await using world = await openScheduleWorld();
  const made = await world.schedule();
  for (const [body, status, slug, places] of REFUSED) {
    const refused = await world.refused("PATCH", PATH, { body, status });
    assertEquals([refused.slug, refused.places], [slug, places], JSON.stringify(body));
  }
  assertEquals(await world.json("GET", PATH), made);
  await world.refused("PATCH", "/v1/schedules/none", { body: {}, status: 404 });
});

Deno.test("PATCH /v1/schedules/{id} leaves alone what has had its time", async () => {
  await using world = await openScheduleWorld();
  await world.json("POST", "/v1/vms", { body: { id: "vm_1" }, status: 201 });
  await world.clock.settle();
  await world.schedule({
    schedule: { at: "2030-01-01T00:10:00Z" },
    expiresAt: "2030-01-01T00:20:00Z",
    task: { command: ["say"], vm: "vm_1" },
  });
  await world.clock.advance(30 * MINUTE);
  await world.json("POST", "/v1/vms/vm_1/recycle", { body: {} });
  const { name, pausedReason } = await world.json("PATCH", PATH, { body: { name: "Done" } });
  assertEquals([name, pausedReason], ["Done", "finished"]);
  await world.json("PATCH", PATH, { body: { schedule: { at: "2030-01-01T00:10:00Z" } } });
  const again = { schedule: { at: "2030-01-01T00:15:00Z" } };
  const { detail } = await world.refused("PATCH", PATH, { body: again, status: 400 });
  assertMatch(detail, /past/);
});

Deno.test("PATCH /v1/schedules/{id}: an expiry may come before the interval's next but one", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  await world.clock.advance(50 * MINUTE);
  const expire = (expiresAt: string) => ({ body: { expiresAt } });
  const { nextRunAt } = await world.json("PATCH", PATH, expire("2030-01-01T01:10:00Z"));
  assertEquals(nextRunAt, "2030-01-01T01:00:00.000Z");
  const early = { ...expire("2030-01-01T00:55:00Z"), status: 400 };
  assertMatch((await world.refused("PATCH", PATH, early)).detail, /first slot is 2030-01-01T01:00/);
});

Deno.test("PATCH /v1/schedules/{id}: a new VM is made of what the old one had, as far as that stays", async () => {
  await using world = await openScheduleWorld();
  const vm = { env: { TOKEN: "s3cret" }, network: "full" };
  await world.schedule({ task: { command: ["hang"], vm } });
  await world.json("PATCH", PATH, { body: { task: { vm: { title: "Mine" } } } });
  const record = await world.system.get("schedule:schedule_1", { unredacted: true });
  const { plan } = record.context as unknown as {
    plan: { run: { task: { vm: { make: Record<string, unknown> } } } };
  };
  const { env, network, title } = plan.run.task.vm.make;
  assertEquals({ env, network, title }, { ...vm, title: "Mine" });
});

Deno.test("PATCH /v1/schedules/{id} is refused where it is deleted", async () => {
  await using world = await openScheduleWorld();
  await world.schedule();
  await world.json("DELETE", PATH);
  const { slug, problem } = await world.refused("PATCH", PATH, { body: {}, status: 409 });
  assertEquals([slug, problem.state], ["not-accepted", "deleted"]);
});
