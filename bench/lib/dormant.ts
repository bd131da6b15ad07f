/**
 * Fills a database with actors that nothing is owed to: copies of one task that waits for a
 * person's approval, each with its journal line and its index, one in a thousand with a timer far
 * in the future.
 */
import { openStore } from "../../actors/store/open.ts";
import {
  type ActorRow,
  type Commit,
  emptyCommit,
  type IndexValue,
  type JournalRow,
} from "../../actors/store/store.ts";
import type { BenchContext } from "./context.ts";
import { pause } from "./statistics.ts";
import { withWorld } from "./worlds.ts";

const ACTORS_PER_COMMIT = 2_000;
const ACTORS_PER_TIMER = 1_000;
const FAR_MS = 365 * 24 * 60 * 60_000;
/** The lease of whoever fills the database; nobody else is about. */
const LEASE_MS = 3_600_000;

/** The rows of one actor. */
type Pattern = { actor: ActorRow; journal: JournalRow; values: IndexValue[] };

/** Makes a database with `count` dormant actors. Returns its URL. */
export async function fillDatabase(context: BenchContext, count: number): Promise<string> {
  const { url, pattern } = await makeOne(context);
  const store = await openStore(url, { syncMode: "NORMAL" });
  await store.acquireLease("boot_bench", Date.now(), LEASE_MS);
  let seq = pattern.journal.seq;
  for (let made = 1; made < count; made += ACTORS_PER_COMMIT) {
    const size = Math.min(ACTORS_PER_COMMIT, count - made);
    await store.commit(copies(pattern, seq, size));
    seq += size;
    context.progress(`${count} dormant actors: ${made + size} written`);
    // Memory of past statements is given back only when the event loop turns.
    await pause(0);
  }
  await store.releaseLease();
  await store.close();
  return url;
}

/** A database with one actor, and that actor's rows. */
function makeOne(context: BenchContext): Promise<{ url: string; pattern: Pattern }> {
  return withWorld(context, async ({ system, store, url }) => {
    const id = system.newId("task");
    const { address } = await system.spawn("task", id, {
      id,
      title: "Move the settings page to the new router",
      executor: "instant",
      command: ["deno", "task", "ok"],
      workspace: { repo: "https://example.org/shop.git", ref: "main" },
      labels: { area: "web", sprint: "12" },
      requireApproval: true,
    });
    const [actor] = await store.loadActors([address]);
    const [journal] = await store.journal({ address, limit: 1 });
    if (actor === undefined || journal === undefined) throw new Error(`Cannot find ${address}`);
    return { url, pattern: { actor, journal, values: await store.indexOf(address) } };
  });
}

function copies({ actor, journal, values }: Pattern, seq: number, size: number): Commit {
  const commit = emptyCommit(seq + size, journal.at);
  for (let number = seq + 1; number <= commit.seq; number++) {
    const address = `task:task_${number.toString(36).padStart(21, "0")}`;
    commit.actors.push({ ...actor, address, createdSeq: number, baseRevision: 0 });
    commit.journal.push({ ...journal, address, seq: number });
    commit.index.push({ address, kind: actor.kind, createdSeq: number, values });
    if (number % ACTORS_PER_TIMER === 0) {
      commit.timers.push({
        address,
        id: "some-day",
        dueAt: journal.at + FAR_MS + number,
        target: address,
        event: '{"type":"task.cancel"}',
        stamp: `${address}/1/0`,
      });
    }
  }
  const { kind, state, status } = actor;
  commit.tallies.push({ kind, state, status, delta: size });
  return commit;
}
