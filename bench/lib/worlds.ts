/** Systems to be measured: the real runtime on a real database, with the kinds of the benches. */
import type { System } from "../../actors/runtime/api.ts";
import { createSystem } from "../../actors/runtime/system.ts";
import { openStore } from "../../actors/store/open.ts";
import type { Commit, Store } from "../../actors/store/store.ts";
import { benchKinds } from "../machines.ts";
import { type BenchContext, newDatabase } from "./context.ts";

export type World = {
  system: System;
  store: Store;
  url: string;
  /** All commits so far. */
  recorded: readonly Recorded[];
};

/** A commit, and when it stood, ms since the epoch. */
export type Recorded = { commit: Commit; stoodAt: number };

/** Runs `use` on a started system in a new database, and stops the system. */
export async function withWorld<T>(
  context: Pick<BenchContext, "dir" | "syncMode">,
  use: (world: World) => Promise<T>,
): Promise<T> {
  const url = await newDatabase(context);
  const store = await openStore(url, { syncMode: context.syncMode });
  const recorded = recordCommits(store);
  const system = createSystem({ store, kinds: benchKinds });
  await system.start();
  try {
    return await use({ system, store, url, recorded });
  } finally {
    await system.stop();
  }
}

/** Keeps what passes through `commit` of this store. */
function recordCommits(store: Store): readonly Recorded[] {
  const recorded: Recorded[] = [];
  const commit = store.commit.bind(store);
  store.commit = async (rows) => {
    await commit(rows);
    recorded.push({ commit: rows, stoodAt: Date.now() });
  };
  return recorded;
}
