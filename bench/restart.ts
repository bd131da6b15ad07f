/**
 * Restart to ready, and memory, with many dormant actors: each in a fresh process, from the
 * opening of the database until the system is ready, and from the start of the process until it
 * answers over HTTP. What is dormant stays on disk, so the number of actors must not matter.
 */
import { fileURLToPath } from "node:url";
import type { BenchContext } from "./lib/context.ts";
import { fillDatabase } from "./lib/dormant.ts";
import type { Figure } from "./lib/figures.ts";
import type { Restart } from "./lib/restart_child.ts";
import { median } from "./lib/statistics.ts";

const ROUNDS = 3;

export async function restart(context: BenchContext): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const count of context.quick ? [1_000, 10_000] : [1_000, 100_000, 1_000_000]) {
    context.progress(`${count} dormant actors`);
    const url = await fillDatabase(context, count);
    const rounds = await measure(context, url, count);
    const of = (how: "runtime" | "raw", field: keyof Restart) =>
      median(rounds.map((round) => round[how][field]));
    const actors = `${count.toLocaleString("en-US")} dormant actors`;
    const common = { bench: "restart", syncMode: context.syncMode };
    figures.push({
      ...common,
      what: `${actors}, open to ready`,
      value: of("runtime", "readyMs"),
      unit: "ms",
      floor: of("raw", "readyMs"),
      target: 1_000,
    }, {
      ...common,
      what: `${actors}, process start to answer`,
      value: of("runtime", "processMs"),
      unit: "ms",
      floor: of("raw", "processMs"),
      target: 1_000,
    }, {
      ...common,
      what: `${actors}, memory`,
      value: of("runtime", "rss") / 1e6,
      unit: "MB",
      floor: of("raw", "rss") / 1e6,
      target: 300,
    });
    await Deno.remove(new URL(".", url), { recursive: true });
  }
  return figures;
}

async function measure(
  context: BenchContext,
  url: string,
  count: number,
): Promise<{ runtime: Restart; raw: Restart }[]> {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const runtime = await restartOnce("runtime", url, context);
    if (runtime.actors !== count) {
      throw new Error(`Cannot measure: ${runtime.actors} of ${count} actors were found`);
    }
    rounds.push({ runtime, raw: await restartOnce("raw", url, context) });
  }
  return rounds;
}

async function restartOnce(
  how: "runtime" | "raw",
  url: string,
  { syncMode }: BenchContext,
): Promise<Restart> {
  const module = fileURLToPath(import.meta.resolve("./lib/restart_child.ts"));
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", module, how, url, syncMode, `${Date.now()}`],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot restart on ${url}: the process failed`);
  return JSON.parse(new TextDecoder().decode(stdout)) as Restart;
}
