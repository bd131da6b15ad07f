import { assertEquals, assertMatch } from "@std/assert";
import { HOUR, MINUTE, openScheduleWorld } from "./schedule_world.ts";

const FREE = { state: "free", holder: null, since: null, until: null };

const atMinute = (minute: number) => new Date(Date.UTC(2030, 0, 1, 0, minute)).toISOString();

Deno.test("a session that nobody has used is free, whatever its key", async () => {
  await using world = await openScheduleWorld();
  for (const key of ["s", "web/nightly", "a b:c%20?", "grüße", "…", "~!'()*", "ü".repeat(200)]) {
    const path = `/v1/sessions/${encodeURIComponent(key)}`;
    assertEquals(await world.json("GET", path), { key, ...FREE });
  }
  assertEquals((await world.system.list("gate")).items, []);
});

Deno.test("a person takes a session, holds it for longer, and leaves it", async () => {
  await using world = await openScheduleWorld();
  const path = `/v1/sessions/${encodeURIComponent("web/nightly")}`;
  const take = (body: object) => world.json("POST", `${path}/turn`, { body });
  const held = { key: "web/nightly", state: "heldByPerson", holder: "Ada", since: atMinute(0) };
  assertEquals(await take({ person: "Ada" }), { ...held, until: atMinute(10) });
  await world.clock.advance(5 * MINUTE);
  assertEquals(await take({ person: "Ada", holdMs: HOUR }), { ...held, until: atMinute(65) });
  assertEquals(await world.json("GET", path), { ...held, until: atMinute(65) });
  const leave = () => world.json("DELETE", `${path}/turn?person=Ada`);
  assertEquals(await leave(), { key: "web/nightly", ...FREE });
  assertEquals(await leave(), { key: "web/nightly", ...FREE });
});

Deno.test("a turn ends by itself", async () => {
  await using world = await openScheduleWorld();
  await world.json("POST", "/v1/sessions/s/turn", { body: { person: "Ada", holdMs: MINUTE } });
  await world.clock.advance(MINUTE);
  assertEquals(await world.json("GET", "/v1/sessions/s"), { key: "s", ...FREE });
});

Deno.test("another person is told who has the session", async () => {
  await using world = await openScheduleWorld();
  const path = "/v1/sessions/s/turn";
  await world.json("POST", path, { body: { person: "Ada" } });
  const body = { person: "Bo" };
  const { slug, detail, problem } = await world.refused("POST", path, { body, status: 409 });
  assertEquals(slug, "session-held");
  assertMatch(detail, /Ada is in it until 2030-01-01T00:10/);
  assertEquals((problem.session as { holder: string }).holder, "Ada");
  const left = await world.refused("DELETE", `${path}?person=Bo`, { status: 409 });
  assertEquals(left.slug, "session-held");
});

Deno.test("of two persons at once one takes the session", async () => {
  await using world = await openScheduleWorld();
  const turns = ["Ada", "Bo"].map((person) =>
    world.call("POST", "/v1/sessions/s/turn", { body: { person } })
  );
  const statuses = (await Promise.all(turns)).map(({ status }) => status);
  assertEquals(statuses.toSorted(), [200, 409]);
});

Deno.test("a run makes way for a person, and waits until they leave", async () => {
  await using world = await openScheduleWorld();
  await world.schedule({ session: "s" });
  await world.json("POST", "/v1/schedules/schedule_1/run", { body: {} });
  const session = await world.json("GET", "/v1/sessions/s");
  assertEquals([session.state, session.holder], ["heldByRun", "schedule:schedule_1"]);
  // A person who has not come yet has nothing to leave.
  assertEquals(await world.json("DELETE", "/v1/sessions/s/turn?person=Ada"), session);
  const turn = { person: "Ada", holdMs: 2 * HOUR };
  const taken = await world.json("POST", "/v1/sessions/s/turn", { body: turn });
  assertEquals([taken.state, taken.holder], ["heldByPerson", "Ada"]);
  const called = await world.json("GET", "/v1/schedules/schedule_1");
  assertEquals((called.last as { outcome: string }).outcome, "preempted");
  await world.clock.advance(HOUR);
  assertEquals(
    (await world.json("GET", "/v1/schedules/schedule_1")).state,
    "active.waitingForSession",
  );
  await world.json("DELETE", "/v1/sessions/s/turn?person=Ada");
  await world.clock.advance(10_000);
  assertEquals((await world.json("GET", "/v1/schedules/schedule_1")).state, "active.running");
});

Deno.test("taking a session with the same idempotency key is done once", async () => {
  await using world = await openScheduleWorld();
  const headers = { "idempotency-key": "k" };
  const take = () =>
    world.json("POST", "/v1/sessions/s/turn", { body: { person: "Ada" }, headers });
  const first = await take();
  await world.clock.advance(MINUTE);
  assertEquals(await take(), first);
  assertEquals((await world.json("GET", "/v1/sessions/s")).until, atMinute(10));
});

const BAD: readonly [string, object, string][] = [
  ["s", {}, "/person"],
  ["s", { person: "" }, "/person"],
  ["s", { person: "x".repeat(101) }, "/person"],
  ["s", { person: "Ada", holdMs: 999 }, "/holdMs"],
  ["s", { person: "Ada", holdMs: 2 * HOUR + 1 }, "/holdMs"],
  ["s", { person: "Ada", key: "t" }, "/key"],
  ["x".repeat(201), { person: "Ada" }, "key"],
  ["a%00b", { person: "Ada" }, "key"],
];

Deno.test("sessions refuse keys and turns that cannot be", async () => {
  await using world = await openScheduleWorld();
  for (const [key, body, place] of BAD) {
    const path = `/v1/sessions/${key.startsWith("a%") ? key : encodeURIComponent(key)}/turn`;
    const { places } = await world.refused("POST", path, { body, status: 422 });
    assertEquals(places[0], place);
  }
  await world.refused("DELETE", "/v1/sessions/s/turn", { status: 422 });
  assertEquals((await world.system.list("gate")).items, []);
});
