/** `deno task prune` on actors that go on, run as people run it. */
import { assertEquals, assertMatch } from "@std/assert";
import { openStore } from "../../actors/store/open.ts";
import { commitOn, journalRow, newActor, NOW } from "../store/commits.ts";
import { runTask } from "../testing/run_task.ts";

Deno.test("prune cuts the old part of histories that go on, and says how much", async () => {
  const home = await Deno.makeTempDir({ prefix: "holdfast_prune_" });
  try {
    await makeLongLife(`${home}/holdfast.db`);
    const prune = (...args: string[]) =>
      runTask("prune", [...args, "--older-than", "30d"], { env: { HOLDFAST_HOME: home } });
    assertMatch((await prune()).stdout, /Archived 0 actors .*Cut 2 events of actors that go on/);
    assertEquals(JSON.parse((await prune("--json")).stdout).cut, 0);
    const store = await openStore(`file:${home}/holdfast.db`);
    const rows = await store.journal({ address: "task:long", limit: 9 });
    assertEquals(rows.map(({ revision }) => revision), [3]);
    await store.check();
    await store.close();
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

/** An actor at revision 3 with a base of long ago at revision 2. */
async function makeLongLife(path: string): Promise<void> {
  const store = await openStore(`file:${path}`);
  await store.acquireLease("boot_1", NOW, 60_000);
  const revisions = [1, 2, 3];
  await store.commit(commitOn(0, {
    actors: [newActor("task:long", 1, { revision: 3 })],
    journal: revisions.map((revision) => journalRow(revision, "task:long", { revision })),
    bases: [{
      ...{ address: "task:long", revision: 2, version: "1", snapshot: "{}" },
      ...{ at: NOW, seq: 2 },
    }],
    tallies: [{ kind: "task", state: "idle", status: "active", delta: 1 }],
  }));
  await store.close();
}
