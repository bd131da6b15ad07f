/**
 * What 100,000 armed schedules cost: memory, and wake-ups and commits while none is due; and how
 * late 5,000 of them are whose slots come within one minute, each with a task that it makes and that
 * runs. The floor is the same process without any schedule.
 */
import { type Child, startChild } from "./lib/child.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import type { Armed, Fired, Ready, Resting } from "./lib/schedules_child.ts";
import { pause, percentile } from "./lib/statistics.ts";

const FULL = { count: 100_000, due: 5_000, leadMs: 120_000, spreadMs: 60_000, restMs: 10_000 };
const QUICK = { count: 1_000, due: 100, leadMs: 8_000, spreadMs: 2_000, restMs: 1_000 };

export async function schedules(context: BenchContext): Promise<Figure[]> {
  const { count, due, leadMs, spreadMs, restMs } = context.quick ? QUICK : FULL;
  context.progress(`${count} schedules armed`);
  const start = (count: number, due: number, url = "") =>
    startChild(
      "./schedules_child.ts",
      [context.dir, context.syncMode, url, ...[count, due, leadMs, spreadMs].map(String)],
      { v8Flags: "--expose-gc" },
    );
  const maker = start(count, due);
  const children = [maker, start(0, 0)];
  try {
    const [armed, none] = await Promise.all(children.map((child) => restOf(child, restMs)));
    if (armed === undefined || none === undefined) throw new Error("Cannot measure: no process");
    context.progress(`${due} of ${count} schedules fire`);
    const { lateness, succeeded } = await maker.ask<Fired>("fire");
    if (lateness.length !== due || succeeded !== due) {
      throw new Error(
        `Cannot measure: ${due} were due, ${lateness.length} fired, ${succeeded} ran`,
      );
    }
    await maker.stop();
    const restarted = start(0, 0, armed.url);
    children.splice(0, 1, restarted);
    const { rss } = await restOf(restarted, 0);
    const many = count.toLocaleString("en-US");
    const common = { bench: "schedules", syncMode: context.syncMode, target: null } as const;
    const atRest = `in ${restMs / 1_000} s with none due`;
    return [
      {
        ...{ ...common, what: `${many} armed, memory once they are made`, unit: "MB" },
        ...{ value: armed.rss / 1e6, floor: none.rss / 1e6 },
      },
      {
        ...{ ...common, what: `${many} armed, memory after a restart`, unit: "MB" },
        ...{ value: rss / 1e6, floor: none.rss / 1e6 },
      },
      {
        ...{ ...common, what: `${many} armed, wake-ups ${atRest}`, unit: "wake-ups" },
        ...{ value: armed.wakeUps, floor: none.wakeUps },
      },
      {
        ...{ ...common, what: `${many} armed, commits ${atRest}`, unit: "commits" },
        ...{ value: armed.commits, floor: none.commits },
      },
      ...[0.5, 0.99, 1].map((part): Figure => ({
        ...common,
        what: `${due.toLocaleString("en-US")} runs in ${spreadMs / 1_000} s, late by, ` +
          (part === 1 ? "most" : `p${part * 100}`),
        ...{ unit: "ms", value: percentile(lateness, part), floor: null },
      })),
    ];
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

async function restOf(child: Child, restMs: number): Promise<Ready & Armed & Resting> {
  const { url } = await child.ask<Ready>("ready");
  const armed = await child.ask<Armed>("memory");
  await child.ask("begin");
  await pause(restMs);
  return { url, ...armed, ...await child.ask<Resting>("end") };
}
