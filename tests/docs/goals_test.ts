import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { blocksOf, missingOf, Reader } from "./document.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

const missing = missingOf(["sh", "curl", "mktemp", "sed"]);
const skipped = missing.length === 0 ? "" : ` (skipped: no ${missing.join(", ")})`;

Deno.test({
  name: `docs/goals.md can be followed from its first command to its last${skipped}`,
  ignore: missing.length > 0,
  async fn() {
    await using reader = await Reader.at(ROOT);
    const page = await Deno.readTextFile(`${ROOT}/docs/goals.md`);
    for (const block of blocksOf(page)) await reader.follow(block);

    const response = await fetch(`http://${reader.address}/v1/goals/goal_colours`);
    const goal = await response.json();
    assertEquals([goal.state, goal.iteration, goal.audits], ["complete", 3, 3]);
    assertEquals(goal.spent, { tokens: 300, usd: 0 });
    await Deno.remove(goal.task.workspace.path, { recursive: true });
  },
});
