/**
 * Tasks a second: the real kind from its creation to its end, through its pool's slot and an
 * executor that answers at once. What is measured is the control plane, not what it controls.
 */
import type { System } from "../actors/runtime/api.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import { replay } from "./lib/raw.ts";
import { inFlight, sum, timed } from "./lib/statistics.ts";
import { withWorld } from "./lib/worlds.ts";

const WARM_UP_TASKS = 500;
const TASKS_IN_FLIGHT = 256;

export async function tasks(context: BenchContext): Promise<Figure[]> {
  context.progress(`${TASKS_IN_FLIGHT} tasks at once`);
  return await withWorld(context, async ({ system, recorded }) => {
    await inFlight(TASKS_IN_FLIGHT, WARM_UP_TASKS, () => runTask(system));
    const from = recorded.length;
    const ms = await timed(() => {
      return inFlight(TASKS_IN_FLIGHT, context.tasks, () => runTask(system));
    });
    const count = sum(recorded.slice(from).map(({ commit }) => commit.journal.length));
    const floorMs = sum(await replay(context, recorded, from));
    const what = `${count / context.tasks} transitions a task, ${TASKS_IN_FLIGHT} in flight`;
    return [{
      bench: "tasks",
      what,
      value: count / ms * 1_000,
      unit: "transitions/s",
      syncMode: context.syncMode,
      floor: count / floorMs * 1_000,
      target: null,
    }];
  });
}

async function runTask(system: System): Promise<void> {
  const id = system.newId("task");
  const { address } = await system.spawn("task", id, {
    id,
    title: "Format and lint",
    executor: "instant",
    command: ["deno", "task", "ok"],
  });
  const { state } = await system.waitFor(address, ({ status }) => status !== "active");
  if (state !== "succeeded") throw new Error(`Cannot measure: ${address} ended ${state}`);
}
