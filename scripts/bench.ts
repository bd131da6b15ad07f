/**
 * `deno task bench`: runs the benches one after the other in a directory of their own, and prints
 * what each measured beside the floor that raw libSQL reached in the same run. What a bench does
 * is its own matter; what the figures mean is in `docs/benchmarks.md`.
 */
import { feed } from "../bench/feed.ts";
import { http } from "../bench/http.ts";
import { latency } from "../bench/latency.ts";
import type { BenchContext, SyncMode } from "../bench/lib/context.ts";
import { type Figure, holds, promiseOf, ratioOf, shown } from "../bench/lib/figures.ts";
import { restart } from "../bench/restart.ts";
import { schedules } from "../bench/schedules.ts";
import { tasks } from "../bench/tasks.ts";
import { timers } from "../bench/timers.ts";
import { transitions } from "../bench/transitions.ts";
import { vmIdle } from "../bench/vm_idle.ts";
import { vms } from "../bench/vms.ts";
import { runScript, UsageError } from "./lib/args.ts";
import { EXIT } from "./lib/exit_codes.ts";
import { createOutput, type Output } from "./lib/output.ts";

const BENCHES: { readonly [name: string]: (context: BenchContext) => Promise<Figure[]> } = {
  transitions,
  tasks,
  latency,
  timers,
  restart,
  feed,
  http,
  vms,
  "vm-idle": vmIdle,
  schedules,
};

const SPEC = {
  name: "bench",
  summary: "Measures durable work, each figure beside the floor that raw libSQL reaches.",
  options: {
    only: { type: "string", value: "NAMES", help: `Only these: ${Object.keys(BENCHES).join(",")}` },
    tasks: { type: "integer", value: "N", help: "Lives, or events, a measurement (default 5000)" },
    concurrency: {
      type: "integer",
      value: "N",
      multiple: true,
      help: "Lives in flight (default 64, 256 and 512)",
    },
    sync: { type: "string", value: "MODE", help: "FULL (default) or NORMAL" },
    dir: { type: "string", value: "DIR", help: "Where databases go (default: a temporary one)" },
    quick: { type: "boolean", help: "Everything small, to see that it works" },
  },
  examples: [
    "deno task bench",
    "deno task bench --only transitions --concurrency 256",
    "deno task bench --only restart --dir /mnt/disk --json",
  ],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const output = createOutput(options);
    const names = readNames(options.only);
    const syncMode = readSyncMode(options.sync);
    const dir = await Deno.makeTempDir({
      ...(options.dir === undefined ? {} : { dir: options.dir }),
      prefix: "holdfast-bench-",
    });
    const remove = () => Deno.removeSync(dir, { recursive: true });
    Deno.addSignalListener("SIGINT", () => {
      remove();
      Deno.exit(EXIT.failed);
    });
    const context: BenchContext = {
      dir,
      syncMode,
      quick: options.quick,
      tasks: options.tasks ?? (options.quick ? 500 : 5_000),
      concurrency: options.concurrency.length > 0 ? options.concurrency : [64, 256, 512],
      progress: (text) => output.progress(text),
    };
    output.note(describeRun(syncMode));
    try {
      print(output, await runAll(names, context), options.json);
    } finally {
      output.progress("");
      remove();
    }
  });
}

async function runAll(names: readonly string[], context: BenchContext): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const name of names) figures.push(...await BENCHES[name]?.(context) ?? []);
  context.progress("");
  return figures;
}

function print(output: Output, figures: readonly Figure[], json: boolean): void {
  const rows = figures.map((figure) => ({
    ...figure,
    ratio: ratioOf(figure),
    promise: promiseOf(figure),
    holds: holds(figure),
  }));
  const measured = rows.filter(({ skipped }) => skipped === undefined);
  output.table(json ? rows : measured, [
    { title: "MEASURED", value: (row) => `${row.bench}: ${row.what}` },
    { title: "SYNC", value: (row) => row.syncMode },
    { title: "VALUE", value: (row) => shown(row.value), align: "right" },
    { title: "UNIT", value: (row) => row.unit },
    { title: "RAW", value: (row) => row.floor === null ? null : shown(row.floor), align: "right" },
    {
      title: "RATIO",
      value: (row) => row.ratio === null ? null : row.ratio.toFixed(2),
      align: "right",
    },
    { title: "MUST HOLD", value: (row) => row.promise },
    { title: "HOLDS", value: (row) => row.holds === null ? null : row.holds ? "yes" : "no" },
  ]);
  for (const { bench, what, skipped } of rows) {
    if (skipped !== undefined) output.note(`${bench}: ${what} skipped: ${skipped}`);
  }
}

function describeRun(syncMode: SyncMode): string {
  const { arch, os } = Deno.build;
  const memory = (Deno.systemMemoryInfo().total / 2 ** 30).toFixed(0);
  return `Deno ${Deno.version.deno}, ${os} ${arch}, ${navigator.hardwareConcurrency} cores, ` +
    `${memory} GiB, synchronous=${syncMode}`;
}

function readNames(only: string | undefined): string[] {
  const names = only === undefined ? Object.keys(BENCHES) : only.split(",");
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown === undefined) return names;
  throw new UsageError(
    `Cannot run bench "${unknown}": there are ${Object.keys(BENCHES).join(", ")}`,
  );
}

function readSyncMode(text = "FULL"): SyncMode {
  if (text === "FULL" || text === "NORMAL") return text;
  throw new UsageError(`Cannot use sync mode "${text}": want FULL or NORMAL`);
}
