/**
 * The promise of the whole, checked from outside on a real server: it is killed with SIGKILL at
 * random moments while tasks run, and afterwards every acknowledged task is there, each command
 * ran at least once and its result counts once, no limit was ever exceeded, and the feed has
 * neither gap nor double for a reader that came and went.
 *
 * `HOLDFAST_KILL_ROUNDS=200 deno task test tests/blackbox/kill_test.ts` for many rounds.
 */
import { assert, assertEquals } from "@std/assert";
import { startServer, type TestServer } from "../testing/server.ts";
import { feedReader, type SeenEntry } from "./feed_reader.ts";
import { Fleet, LIMIT } from "./fleet.ts";

const ROUNDS = Number(Deno.env.get("HOLDFAST_KILL_ROUNDS") ?? 8);
/** Longest run of a server before it is killed, ms. */
const LIFE_MS = 900;
/** Longest wait for all tasks to end after the last kill. */
const QUIET_MS = 60_000 + 1_000 * ROUNDS;

Deno.test(`a server that is killed ${ROUNDS} times loses nothing and doubles nothing`, async () => {
  const seed = Number(Deno.env.get("HOLDFAST_KILL_SEED") ?? Date.now() % 1_000_000);
  say(`seed ${seed}, ${ROUNDS} rounds`);
  const random = generator(seed);
  await using server = await startServer({
    env: { HOLDFAST_MAX_CONCURRENT_TASKS: String(LIMIT), HOLDFAST_LOG_LEVEL: "warn" },
  });
  const fleet = new Fleet(await Deno.makeTempDir({ prefix: "holdfast_fleet_" }), random);
  try {
    const feed = feedReader();
    for (let round = 0; round < ROUNDS; round++) {
      const life = Math.floor(random() * LIFE_MS);
      await Promise.all([
        fleet.feedTasks(server.url, life),
        feed.readFor(server.url, life),
        killAfter(server, life),
      ]);
      await server.start();
    }
    await fleet.waitForAll(server.url, QUIET_MS);
    await feed.readToTip(server.url);
    await checkTasks(server, fleet);
    await checkFeed(feed.seqs, fleet, server);
    await checkReplays(server, fleet);
    say(`${fleet.acknowledged.size} tasks, ${feed.seqs.length} commits in the feed`);
  } finally {
    await fleet.remove();
  }
});

/** What one has to know to repeat a run. */
function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`    ${line}\n`));
}

async function killAfter(server: TestServer, ms: number): Promise<void> {
  await new Promise((resolve) => AbortSignal.timeout(ms).addEventListener("abort", resolve));
  await server.kill();
}

async function checkTasks(server: TestServer, fleet: Fleet): Promise<void> {
  const runs = await fleet.runs();
  assert(fleet.acknowledged.size > 0, "no task was acknowledged in any round");
  for (const id of fleet.acknowledged) {
    const task = await (await fetch(`${server.url}/v1/tasks/${id}`)).json();
    assertEquals(task.id, id, `task ${id} was acknowledged and is gone`);
    const name = task.labels.name;
    assertEquals(task.state, "succeeded", `${id}: ${JSON.stringify(task.error)}`);
    assert((runs.ended.get(name) ?? 0) >= 1, `${id} succeeded and its command never ended`);
  }
  assertEquals(runs.overlaps, [], "limits were exceeded");
  const { items } = await (await fetch(`${server.url}/v1/pools`)).json();
  for (const pool of items) assertEquals([pool.name, pool.held], [pool.name, 0]);
}

/** Every commit once, in order, and one end for each task. */
async function checkFeed(seqs: number[], fleet: Fleet, server: TestServer): Promise<void> {
  assertEquals(seqs, Array.from({ length: seqs.length }, (_, index) => index + 1));
  assertEquals(fleet.endsSeen(await readAll(server.url)), []);
}

async function readAll(url: string): Promise<readonly SeenEntry[]> {
  const reader = feedReader();
  await reader.readToTip(url);
  return reader.entries;
}

async function checkReplays(server: TestServer, fleet: Fleet): Promise<void> {
  for (const id of [...fleet.acknowledged].slice(0, 20)) {
    const now = await (await fetch(`${server.url}/v1/actors/task:${id}`)).json();
    const { revision, state } = now.record ?? now;
    const folded = await (await fetch(`${server.url}/v1/actors/task:${id}/at/${revision}`)).json();
    assertEquals((folded.record ?? folded).state, state);
  }
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
