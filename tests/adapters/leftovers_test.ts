import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { removeLeftovers } from "../../actors/adapters/executor/leftovers.ts";
import { directoryName } from "../../actors/adapters/executor/workspace.ts";

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map((entry) => entry.name).sort();
}

Deno.test("removeLeftovers() takes the directories of archived tasks and no others", async () => {
  const home = await Deno.makeTempDir();
  try {
    for (const id of ["task_old", "odd/id", "task_kept", "task_unknown"]) {
      await Deno.mkdir(join(home, "workspaces", directoryName(id), "deep"), { recursive: true });
    }
    await Deno.mkdir(join(home, "worktrees", "task_old"), { recursive: true });
    const asked: string[] = [];
    const removed = await removeLeftovers({
      home,
      archived: (ids) => {
        asked.push(...ids);
        return Promise.resolve(new Set(["task_old", "odd/id"]));
      },
    });
    assertEquals(removed, 3);
    assertEquals(await names(join(home, "workspaces")), ["task_kept", "task_unknown"]);
    assertEquals(await names(join(home, "worktrees")), []);
    assertEquals(asked.includes("odd/id"), true);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("removeLeftovers() finds nothing in a home without tasks", async () => {
  const archived = () => Promise.resolve(new Set<string>());
  assertEquals(await removeLeftovers({ home: "/nowhere/at/all", archived }), 0);
});
