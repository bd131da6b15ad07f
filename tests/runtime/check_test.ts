import { assertEquals, assertRejects } from "@std/assert";
import { assign, type EventObject, fromPromise, setup } from "xstate";
import { checkDeploy, isBlocking, type KindCheck } from "../../actors/runtime/check.ts";
import { NotFoundError } from "../../actors/runtime/errors.ts";
import type { KindDefinition, PersistedSnapshot } from "../../actors/runtime/kind.ts";
import { startWorld, type World } from "../testing/system.ts";

type States = Record<string, object>;

const ALL = { histories: 100 };

/** A kind whose states differ from version to version. */
function kindOf(states: States, options: Partial<KindDefinition> = {}): KindDefinition[] {
  const machine = setup({
    types: { context: {} as { n: number }, events: {} as EventObject & { at: number } },
    actors: {
      job: fromPromise(() => new Promise(() => {})),
      extra: fromPromise<unknown, unknown>(() => new Promise(() => {})),
    },
    actions: { tell: () => {}, count: assign({ n: ({ context }) => context.n + 1 }) },
    guards: { isLarge: ({ context }) => context.n > 1 },
  }).createMachine(
    { id: "k", context: { n: 0 }, initial: Object.keys(states)[0], states } as never,
  );
  return [{ name: "k", version: 1, machine, ...options } as KindDefinition];
}

const OLD = kindOf({
  waiting: {
    after: { 1000: "late" },
    invoke: { src: "job", id: "job" },
    on: { go: "moving", more: { actions: "count" } },
  },
  moving: { on: { go: "late" } },
  late: { type: "final" },
});

/** Three actors: two that wait, one that moves. */
async function stored(): Promise<World> {
  const world = await startWorld(OLD);
  for (const id of ["a", "b", "c"]) await world.system.spawn("k", id, {});
  await world.system.send("k:c", { type: "go" });
  return world;
}

async function checkOne(world: World, definitions: KindDefinition[]): Promise<KindCheck> {
  const [only] = (await checkDeploy(world.store, definitions, ALL)).kinds;
  if (only === undefined) throw new Error("Cannot find the kind: it was not checked");
  return only;
}

/** The finding's names with their counts. */
function counts(findings: readonly { name: string; count: number }[]): [string, number][] {
  return findings.map(({ name, count }) => [name, count]);
}

Deno.test("checkDeploy() finds nothing to do where the definition is the one that wrote", async () => {
  const world = await stored();
  const check = await checkDeploy(world.store, OLD, ALL);
  assertEquals(isBlocking(check), false);
  const [kind] = check.kinds;
  assertEquals([kind?.checked, kind?.histories, kind?.diverged], [0, 3, []]);
});

Deno.test("checkDeploy() counts timers and children that would be set, dropped, started, ended", async () => {
  const next = kindOf({
    waiting: {
      after: { 5000: "late" },
      invoke: { src: "extra", id: "extra" },
      on: { go: "moving", more: { actions: "count" } },
    },
    moving: { on: { go: "late" }, after: { 10: "late" }, invoke: { src: "job", id: "job" } },
    late: { type: "final" },
  });
  const world = await stored();
  const check = await checkOne(world, next);
  assertEquals(check.checked, 3);
  assertEquals(counts(check.timersArmed), [["xstate.after.5000.k.waiting", 2], [
    "xstate.after.10.k.moving",
    1,
  ]]);
  assertEquals(counts(check.timersCancelled), [["xstate.after.1000.k.waiting", 2]]);
  assertEquals(counts(check.childrenStarted), [["extra", 2], ["job", 1]]);
  assertEquals(counts(check.childrenStopped), [["job", 2]]);
  assertEquals([check.missingStates, check.moves, check.blocked], [[], [], []]);
});

Deno.test("checkDeploy() blocks where states are gone, and says where and how many", async () => {
  const next = kindOf({ moving: { on: { go: "late" } }, late: { type: "final" } });
  const world = await stored();
  const report = await checkDeploy(world.store, next, ALL);
  const [check] = report.kinds;
  assertEquals(isBlocking(report), true);
  assertEquals(counts(check?.missingStates ?? []), [["waiting", 2]]);
  assertEquals(check?.blocked.map(({ count, examples }) => [count, examples]), [
    [2, ["k:a", "k:b"]],
  ]);
});

Deno.test("checkDeploy() takes migrations into account", async () => {
  const rename = (snapshot: PersistedSnapshot): PersistedSnapshot => ({
    ...snapshot,
    value: snapshot.value === "waiting" ? "idle" : snapshot.value,
    children: {},
  });
  const next = kindOf(
    { idle: { on: { go: "moving" } }, moving: { on: { go: "late" } }, late: { type: "final" } },
    { version: 2, migrate: { 1: rename } },
  );
  const world = await stored();
  const check = await checkOne(world, next);
  assertEquals(counts(check.missingStates), [["waiting", 2]]);
  assertEquals(counts(check.moves), [["waiting -> idle", 2]]);
  assertEquals(check.blocked, []);
});

Deno.test("checkDeploy() blocks where a migration throws, and says why", async () => {
  const broken = () => {
    throw new Error("the map is lost");
  };
  const states = { waiting: {}, moving: {}, late: {} };
  const check = await checkOne(
    await stored(),
    kindOf(states, { version: 2, migrate: { 1: broken } }),
  );
  assertEquals(counts(check.blocked), [["the map is lost", 3]]);
});

Deno.test("checkDeploy() shows which history would have gone another way, and where", async () => {
  const world = await startWorld(OLD);
  for (const id of ["calm", "busy"]) await world.system.spawn("k", id, {});
  for (let i = 0; i < 2; i++) await world.system.send("k:busy", { type: "more" });
  await world.system.send("k:busy", { type: "go" });
  await world.system.send("k:calm", { type: "go" });
  const next = kindOf({
    waiting: {
      after: { 1000: "late" },
      invoke: { src: "job", id: "job" },
      on: {
        go: [{ guard: "isLarge", target: "late" }, { target: "moving" }],
        more: { actions: "count" },
      },
    },
    moving: { on: { go: "late" } },
    late: { type: "final" },
  });
  assertEquals((await checkOne(world, next)).diverged, [{
    address: "k:busy",
    revision: 4,
    event: "go",
    was: "moving",
    would: "late",
    reason: null,
  }]);
});

Deno.test("checkDeploy() says of a history that cannot be folded why", async () => {
  const world = await stored();
  const failing = kindOf({ waiting: { on: { go: "gone" } }, gone: {}, moving: {} }, {
    state: (value) => {
      if (value === "gone") throw new Error("no name for it");
      return String(value);
    },
  });
  const { diverged } = await checkOne(world, failing);
  assertEquals(diverged, [{
    address: "k:c",
    revision: 2,
    event: null,
    was: "moving",
    would: null,
    reason: "no name for it",
  }]);
});

Deno.test("checkDeploy() folds the newest histories, as many as it is told to", async () => {
  const world = await stored();
  const counted: number[] = [];
  const check = await checkDeploy(world.store, OLD, {
    histories: 2,
    onProgress: (_, { histories }) => counted.push(histories),
  });
  assertEquals(check.kinds[0]?.histories, 2);
  assertEquals(counted, [1, 2]);
});

Deno.test("checkDeploy() finds actors of kinds that are not given, and actions nobody does", async () => {
  const other = kindOf({ here: {} }).map((kind) => ({ ...kind, name: "other" }));
  const acting = kindOf({ on: { entry: "tell", on: { go: "on" } } }, {
    effects: { tell: { run: () => new Promise(() => {}) } },
  });
  const world = await startWorld([...acting, ...other]);
  await world.system.spawn("k", "a", {});
  await world.system.spawn("other", "b", {});
  const quiet: KindDefinition = { ...acting[0], effects: {} } as KindDefinition;
  assertEquals(isBlocking(await checkDeploy(world.store, [...acting, ...other], ALL)), false);

  const without = await checkDeploy(world.store, acting, ALL);
  assertEquals(without.unknownKinds, [{ kind: "other", state: "here", count: 1 }]);
  assertEquals(isBlocking(without), true);

  // The machine's own action still stands for it; with another machine nothing does.
  assertEquals((await checkDeploy(world.store, [quiet, ...other], ALL)).lostEffects, []);
  const silent: KindDefinition[] = [...kindWithoutActions(), ...other];
  const lost = (await checkDeploy(world.store, silent, ALL)).lostEffects;
  assertEquals(lost, [{ name: "k: tell", count: 1, examples: ["k:a"] }]);
});

Deno.test("checkDeploy() writes nothing", async () => {
  const world = await stored();
  const before = await everything(world);
  await checkDeploy(world.store, kindOf({ moving: {}, late: {} }), ALL);
  assertEquals(await everything(world), before);
});

Deno.test("checkDeploy() refuses a kind that is not given", async () => {
  const world = await stored();
  await assertRejects(
    () => checkDeploy(world.store, OLD, { ...ALL, kind: "nope" }),
    NotFoundError,
    `Cannot find kind "nope"`,
  );
});

function kindWithoutActions(): KindDefinition[] {
  const machine = setup({}).createMachine({ id: "k", initial: "on", states: { on: {} } });
  return [{ name: "k", version: 1, machine }];
}

async function everything({ store }: World): Promise<unknown> {
  return {
    actors: await store.listActors({ limit: 100 }),
    journal: await store.journal({ limit: 100 }),
    effects: await store.listEffects("", 100),
    timers: await store.timersDue(Number.MAX_SAFE_INTEGER, 100),
  };
}
