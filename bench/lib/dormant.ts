/**
 * Fills a database with actors that nothing is owed to: copies of one that the runtime made, each
 * with its journal line, one in a thousand with a timer far in the future.
 */
import { openStore } from "../../actors/store/open.ts";
import {
  type ActorRow,
  type Commit,
  emptyCommit,
  type JournalRow,
} from "../../actors/store/store.ts";
import { lifeInput } from "../machines.ts";
import type { BenchContext } from "./context.ts";
import { pause } from "./statistics.ts";
import { withWorld } from "./worlds.ts";

const ACTORS_PER_COMMIT = 2_000;
const ACTORS_PER_TIMER = 1_000;
const FAR_MS = 365 * 24 * 60 * 60_000;
/** The lease of whoever fills the database; nobody else is about. */
const LEASE_MS = 3_600_000;

/** Makes a database with `count` dormant actors. Returns its URL. */
export async function fillDatabase(context: BenchContext, count: number): Promise<string> {
  const { url, actor, journal } = await pattern(context);
  const store = await openStore(url, { syncMode: "NORMAL" });
  await store.acquireLease("boot_bench", Date.now(), LEASE_MS);
  let seq = journal.seq;
  for (let made = 1; made < count; made += ACTORS_PER_COMMIT) {
    const size = Math.min(ACTORS_PER_COMMIT, count - made);
    await store.commit(copies({ actor, journal, seq, size }));
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
function pattern(
  context: BenchContext,
): Promise<{ url: string; actor: ActorRow; journal: JournalRow }> {
  return withWorld(context, async ({ system, store, url }) => {
    const { address } = await system.spawn("life", "1", lifeInput(1));
    const [actor] = await store.loadActors([address]);
    const [journal] = await store.journal({ address, limit: 1 });
    if (actor === undefined || journal === undefined) throw new Error(`Cannot find ${address}`);
    return { url, actor, journal };
  });
}

function copies(
  { actor, journal, seq, size }: {
    actor: ActorRow;
    journal: JournalRow;
    seq: number;
    size: number;
  },
): Commit {
  const commit = emptyCommit(seq + size, journal.at);
  for (let number = seq + 1; number <= commit.seq; number++) {
    const address = `life:${number}`;
    commit.actors.push({ ...actor, address, createdSeq: number, baseRevision: 0 });
    commit.journal.push({ ...journal, address, seq: number });
    if (number % ACTORS_PER_TIMER === 0) {
      commit.timers.push({
        address,
        id: "some-day",
        dueAt: journal.at + FAR_MS + number,
        target: address,
        event: '{"type":"life.close"}',
        stamp: `${address}/1/0`,
      });
    }
  }
  commit.tallies.push({ kind: "life", state: actor.state, status: actor.status, delta: size });
  return commit;
}
