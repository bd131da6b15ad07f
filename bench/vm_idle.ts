/**
 * What 500 VMs cost that are up and that nobody uses: memory, and what the server does for them in
 * a minute. The floor is the same server without any VM, in a process of its own at the same time.
 */
import { type Child, startChild } from "./lib/child.ts";
import type { BenchContext } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import { pause } from "./lib/statistics.ts";
import type { Memory, Spent } from "./lib/vm_idle_child.ts";

const WATCHED_MS = 60_000;
const QUICK_WATCHED_MS = 5_000;

type Cost = Memory & Spent;

export async function vmIdle(context: BenchContext): Promise<Figure[]> {
  const count = context.quick ? 50 : 500;
  const watchedMs = context.quick ? QUICK_WATCHED_MS : WATCHED_MS;
  context.progress(`${count} idle VMs for ${watchedMs / 1_000} s`);
  const sleepMs = watchedMs / 2;
  // 0 is the default, which is longer than anybody watches here.
  const children = [[count, 0], [count, sleepMs], [0, 0]].map(([vms, sleepMs]) =>
    startChild("./vm_idle_child.ts", [context.dir, context.syncMode, `${vms}`, `${sleepMs}`], {
      v8Flags: "--expose-gc",
    })
  );
  try {
    const [up, sleepy, none] = await Promise.all(
      children.map((child) => costOf(child, watchedMs)),
    );
    if (up === undefined || sleepy === undefined || none === undefined) {
      throw new Error("Cannot measure: no process");
    }
    const figure = figureOf(context, none);
    const [idle, falling] = [`${count} idle VMs`, `${count} VMs that fall asleep`];
    const span = `in ${watchedMs / 1_000} s`;
    return [
      figure(`${idle}, memory`, "MB", { cost: up, of: ({ rss }) => rss / 1e6 }),
      ...[{ name: idle, cost: up }, { name: falling, cost: sleepy }].flatMap(({ name, cost }) => [
        figure(`${name}, timers fired ${span}`, "wake-ups", { cost, of: (one) => one.wakeUps }),
        figure(`${name}, commits ${span}`, "commits", { cost, of: ({ commits }) => commits }),
        figure(`${name}, calls of the provider ${span}`, "calls", {
          cost,
          of: ({ calls }) => calls,
        }),
      ]),
    ];
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

async function costOf(child: Child, watchedMs: number): Promise<Cost> {
  await child.ask("ready");
  const { rss } = await child.ask<Memory>("memory");
  await child.ask("begin");
  await pause(watchedMs);
  return { rss, ...await child.ask<Spent>("end") };
}

/** Makes figures beside those of a server without VMs. */
function figureOf({ syncMode }: BenchContext, none: Cost) {
  return (
    what: string,
    unit: Figure["unit"],
    { cost, of }: { cost: Cost; of: (cost: Cost) => number },
  ): Figure => ({
    bench: "vm-idle",
    what,
    value: of(cost),
    unit,
    syncMode,
    floor: of(none),
    target: null,
  });
}
