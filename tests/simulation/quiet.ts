/**
 * What must hold when everything has come to rest: no faults for a while, all work done, all timers
 * passed, nothing left to happen. The system's own view, the store's tables and the model agree.
 */
import { canonical } from "./canonical.ts";
import type { Shadow } from "./expectations.ts";
import { heldIn } from "./pool_watch.ts";
import { checkReads } from "./quiet_reads.ts";
import type { Process } from "./process.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

/** Throws a `Violation` where something does not hold. */
export async function checkQuiet(world: World, process: Process): Promise<void> {
  checkNothingOwed(world);
  for (const shadow of world.model.actors.values()) checkNotStuck(world, shadow);
  checkHooks(world);
  world.ledger.finish();
  await checkTables(world);
  await checkStreams(world);
  await checkReads(world, process);
  await checkOversight(world, process);
  await checkSystem(world, process);
}

function checkNothingOwed({ model }: World): void {
  const { effects, timers, slots } = model.expectations;
  for (const { key, src } of effects.stored.values()) {
    hold(false, 3, () => `effect "${src}" is still owed: ${key}`);
  }
  for (const [key, { dueAt }] of timers.stored) {
    hold(false, 3, () => `timer ${key} never fired, it was due at ${dueAt}`);
  }
  for (const { key, grantedAt, pools } of slots.stored.values()) {
    hold(grantedAt !== null, 4, () => `${key} waits for ${pools} and nobody is before it`);
  }
}

function checkNotStuck({ model }: World, { address, status, snapshot, state }: Shadow): void {
  if (status !== "active" || snapshot.tags.has("waiting")) return;
  const { effects, timers, slots, watches } = model.expectations;
  const hasRow = [...effects.stored.values(), ...slots.stored.values()]
    .some((row) => row.address === address) ||
    [...timers.stored.values(), ...watches.stored.values()].some((row) =>
      ("address" in row ? row.address : row.watcher) === address
    );
  const hasChild = [...model.actors.values()].some((other) =>
    other.parent === address && other.status === "active"
  );
  const isMourned = [...model.deadLetters.values()].some((letter) => letter.address === address);
  hold(hasRow || hasChild || isMourned, 9, () => `${address} is stuck in ${state}`);
}

/** Every hook of every transition was carried out, those of a chain one after another. */
function checkHooks({ model, outside }: World): void {
  const states = new Map<string, string>();
  for (const { address, revision, state, outcome } of model.journal) {
    const from = states.get(address);
    states.set(address, state);
    const hooks = model.actors.get(address)?.kind.definition.hooks ?? [];
    const isInto = state.startsWith("published") && !(from ?? "").startsWith("published");
    if (outcome !== "taken" || hooks.length === 0 || !isInto) continue;
    const runsOf = (name: string) =>
      outside.runs.filter(({ key }) => key === `${address}/${revision}/hook.${name}`);
    const isDone = (name: string) => runsOf(name).length > 0;
    hold(isDone("announce") && isDone("mail"), 3, () => `hooks of ${address}/${revision} not run`);
    // The second of the chain begins when the first has succeeded, and never before.
    const ends = runsOf("announce").filter((run) => run.outcome === "succeeded")
      .map((run) => run.ended ?? Infinity);
    const [second] = runsOf("index");
    hold((ends.length === 0) === (second === undefined), 3, () => {
      return `hook "index" of ${address}/${revision} ran ${runsOf("index").length} times`;
    });
    const isInTurn = second === undefined || Math.min(...ends) < second.begun;
    hold(isInTurn, 3, () => `hook "index" of ${address}/${revision} was begun too early`);
  }
}

async function checkTables({ store, model, histories }: World): Promise<void> {
  await store.check();
  const { effects, timers, slots, watches } = model.expectations;
  const journal = await store.journal({ limit: 1_000_000 });
  hold(isSame(journal, histories.kept), 1, () => "the journal was changed");
  const stored = {
    effects: (await store.listEffects("", 1_000_000)).map((row) => row.key),
    slots: (await store.listSlots(0, 1_000_000)).map((row) => row.key),
    watches: (await store.listWatches("", 1_000_000)).map((row) => `${row.key} ${row.target}`),
    timers: await store.countTimers(),
    letters: await store.countDeadLetters(),
  };
  const expected = {
    effects: [...effects.stored.keys()].sort(),
    slots: [...slots.stored.values()].sort((a, b) => a.seq - b.seq).map((row) => row.key),
    watches: [...watches.stored.keys()].sort(),
    timers: timers.stored.size,
    letters: model.deadLetters.size,
  };
  stored.watches.sort();
  hold(canonical(stored) === canonical(expected), 2, () => {
    return `the store has ${canonical(stored)}, should have ${canonical(expected)}`;
  });
  const counts = new Map<string, number>();
  for (const { kind, state, status } of model.actors.values()) {
    const name = `${kind.name} ${state} ${status}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const tallies = (await store.tallies()).map(({ kind, state, status, count }) =>
    [`${kind} ${state} ${status}`, count] as const
  );
  hold(
    canonical(Object.fromEntries(tallies)) === canonical(Object.fromEntries(counts)),
    2,
    () => `tallies are ${canonical(tallies)}, should be ${canonical([...counts])}`,
  );
}

/** What effects wrote is there in order, once; all of it where no process died since. */
async function checkStreams({ store, pieces, process }: World): Promise<void> {
  for (const address of new Set(pieces.map((piece) => piece.address))) {
    const [row] = await store.loadActors([address]);
    if (row?.archivedAt !== null) continue;
    const rows = await store.readStream(address, "output", 0, 1_000_000);
    const found: string[] = rows.map((row) => row.data).join("").match(/<\d+>/g) ?? [];
    const isNumbered = rows.every((row, index) => row.seq === index + 1);
    hold(isNumbered, 1, () => `output of ${address} is numbered ${rows.map((row) => row.seq)}`);
    const written = pieces.filter((piece) => piece.address === address);
    const order = written.map((piece) => piece.piece).filter((piece) => found.includes(piece));
    hold(canonical(order) === canonical(found), 1, () => {
      return `output of ${address} is ${found.join("")}, should be ${order.join("")}`;
    });
    const lost = written.filter(({ piece, process: number }) =>
      number === process.number && !found.includes(piece)
    );
    hold(lost.length === 0, 1, () => `output of ${address} lost ${JSON.stringify(lost)}`);
  }
}

/** What the system says of those that nothing will wake, and of what is late. */
async function checkOversight({ model }: World, { system }: Process): Promise<void> {
  const { effects, timers, slots, watches } = model.expectations;
  const active = [...model.actors.values()].filter(({ status }) => status === "active");
  const attended = new Set<string | null>([
    ...[...timers.stored.values()].flatMap(({ address, target }) => [address, target]),
    ...[...effects.stored.values(), ...slots.stored.values()].map(({ address }) => address),
    ...[...watches.stored.values()].map(({ watcher }) => watcher),
    ...active.map(({ parent }) => parent),
  ]);
  const expected = active.map(({ address }) => address).filter((one) => !attended.has(one));
  const found = await system.unattended([...model.actors.keys()]);
  hold(canonical(found.toSorted()) === canonical(expected.sort()), 9, () => {
    return `unattended are ${expected.join()}, it says ${found.join()}`;
  });
  const query = { lateMs: 0, limit: 1 };
  const late = [...await system.overdue(query), ...await system.orphanedEffects(query)];
  hold(late.length === 0, 3, () => `at rest it is late with ${JSON.stringify(late)}`);
}

async function checkSystem(world: World, process: Process): Promise<void> {
  const { model, outside } = world;
  const { system } = process;
  const slots = model.expectations.slots.stored;
  for (const { name, held, waiting } of system.pools()) {
    const stored = heldIn(slots, name);
    hold(held === stored && waiting === 0, 4, () => {
      return `pool ${name} shows ${held} held and ${waiting} waiting, ${stored} are held`;
    });
  }
  const { queued, effectsRunning, effectsWaiting } = await system.stats();
  hold(queued + effectsRunning + effectsWaiting === 0, 11, () => {
    const runs = outside.runs.filter((run) => run.process === process.number);
    const running = runs.filter((run) => run.outcome === "running").map((run) => run.key);
    return `${queued} queued, ${effectsRunning} running, ${effectsWaiting} waiting at rest; ` +
      `outside runs ${running.join(", ") || "nothing"}`;
  });
  const { status, reason } = system.health();
  hold(status === "ready", 11, () => `it is ${status} at rest: ${reason}`);
}

/** Equal, whatever the order of keys. */
function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right) || canonical(left) === canonical(right);
}
