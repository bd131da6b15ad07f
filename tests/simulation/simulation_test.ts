/** The simulator's run in the gate: some seeds, with every crash that they make possible. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { runCampaign } from "./campaign.ts";
import { commandOf, planOf } from "./plan.ts";
import { simulate } from "./simulate.ts";

const SEEDS = 200;

Deno.test(`simulate() finds every promise kept in ${SEEDS} seeds, whatever dies when`, async () => {
  const { failure, crashes, edges } = await runCampaign({ from: 1, count: SEEDS });
  if (failure !== undefined) {
    const { violation, trace, plan } = failure;
    throw new Error([violation?.message, ...trace, commandOf(plan)].join("\n"));
  }
  // So few seeds leave out a few; what more of them leave out, `deno task sim` says.
  const missing = crashes.missing.map(({ situation, point }) => `${situation} @ ${point}`);
  assert(crashes.hit / crashes.all > 0.98, `never died at: ${missing.join("; ")}`);
  assert(edges.hit / edges.all > 0.9, `transitions never taken: ${edges.missing.join("; ")}`);
});

Deno.test("simulate() is the same run for the same seed, and another for another", async () => {
  const happened = async (seed: number) => {
    const lines: string[] = [];
    await simulate(planOf(seed), { print: (line) => void lines.push(line) });
    return lines;
  };
  assertEquals(await happened(3), await happened(3));
  assertNotEquals(await happened(3), await happened(4));
});
