import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { blocksOf, missingOf, Reader } from "./document.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

const missing = missingOf(["sh", "curl"]);
const skipped = missing.length === 0 ? "" : ` (skipped: no ${missing.join(", ")})`;

Deno.test({
  name: `docs/schedules.md can be followed from its first command to its last${skipped}`,
  ignore: missing.length > 0,
  async fn() {
    await using reader = await Reader.at(ROOT);
    const page = await Deno.readTextFile(`${ROOT}/docs/schedules.md`);
    for (const block of blocksOf(page)) await reader.follow(block);

    const response = await fetch(`http://${reader.address}/v1/schedules?sort=oldest`);
    const { items } = await response.json();
    const [health] = items;
    assertEquals(items.length, 1);
    assertEquals([health.id, health.state, health.counts.runs], ["schedule_health", "paused", 1]);
  },
});
