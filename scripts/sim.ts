/**
 * `deno task sim`: runs the real runtime on a simulated clock, store and outside, and looks whether
 * what must always hold does. A seed that fails is made small and printed with its last happenings
 * and the command that runs it again.
 */
import { runCampaign } from "../tests/simulation/campaign.ts";
import { CRASH_POINTS, type CrashPoint } from "../tests/simulation/coverage.ts";
import { KIND_NAMES, type KindName } from "../tests/simulation/kinds.ts";
import { type Aim, commandOf, FAULTS, type Plan, planOf } from "../tests/simulation/plan.ts";
import { shrink } from "../tests/simulation/shrink.ts";
import { type Result, simulate } from "../tests/simulation/simulate.ts";
import { simulateVms, type VmResult } from "../tests/simulation/vm_simulate.ts";
import { type Arguments, runScript, UsageError } from "./lib/args.ts";
import { EXIT } from "./lib/exit_codes.ts";
import { createOutput, type Output } from "./lib/output.ts";

/** Seeds, unless somebody says how many. */
const SEEDS = 1_000;
/** One simulation of two weeks with VMs, for so many seeds of the runtime. */
const SEEDS_PER_VM_SEED = 250;
/** Transitions and crashes that are listed when they are missing. */
const SHOWN = 20;

const SPEC = {
  name: "sim",
  summary: "Simulates the runtime with crashes and faults from seeds, and checks its promises.",
  options: {
    seeds: { type: "integer", value: "N", help: `How many seeds (${SEEDS})` },
    from: { type: "integer", value: "SEED", help: "The first of them (1)" },
    seed: { type: "integer", value: "SEED", help: "This seed alone" },
    vms: { type: "boolean", help: "VMs alone; with --seed: their simulation of that seed" },
    kinds: { type: "string", value: "NAMES", help: "With --seed: these kinds, joined by commas" },
    events: { type: "integer", value: "N", help: "With --seed: events of each user, at most" },
    without: { type: "string", value: "FAULTS", help: `With --seed: without ${FAULTS.join()}` },
    aim: {
      type: "string",
      value: "CRASH",
      multiple: true,
      help: 'With --seed: "KIND STATE EFFECT @ POINT", where to crash',
    },
    verbose: { type: "boolean", help: "With --seed: print everything that happens" },
  },
  exitCodes: { [EXIT.failed]: "A promise was broken" },
  examples: [
    "deno task sim --seeds 2000",
    "deno task sim --seed 42 --verbose",
    "deno task sim --vms --seeds 10",
  ],
} as const;

type Options = Arguments<typeof SPEC>["options"];

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const output = createOutput(options);
    if (options.vms) return await simulateVmsOnly(options, output);
    if (options.seed === undefined) return await simulateMany(options, output);
    return await simulateOne(planFrom(options, options.seed), options, output);
  });
}

async function simulateMany({ seeds, from, json }: Options, output: Output): Promise<number> {
  const startedAt = performance.now();
  const range = { from: from ?? 1, count: seeds ?? SEEDS };
  const campaign = await runCampaign(range, (text) => output.progress(text));
  const seconds = (performance.now() - startedAt) / 1_000;
  output.progress("");
  const { failure, crashes, edges, ...counts } = campaign;
  if (failure !== undefined) {
    if (!json) output.note("A promise was broken; looking for the smallest run that breaks it …");
    report(await shrink(failure), output);
    return EXIT.failed;
  }
  const vmRange = { from: range.from, count: Math.ceil(range.count / SEEDS_PER_VM_SEED) };
  const vms = await simulateVmSeeds(vmRange, output);
  if (vms.failure !== undefined) return EXIT.failed;
  output.result(
    { ...counts, vmSeeds: vmRange.count, seconds, violation: null, crashes, edges },
    () =>
      [
        `${counts.seeds} seeds and ${counts.aimed} aimed runs: ${counts.events} events, ` +
        `${counts.processes} processes, no promise broken (${seconds.toFixed(1)} s)`,
        `Crash coverage: ${crashes.hit} of ${crashes.all} (effect in a state × point of death)`,
        ...listed(crashes.missing.map(({ situation, point }) => `${situation} @ ${point}`)),
        `Transitions: ${edges.hit} of ${edges.all}`,
        ...listed(edges.missing),
        vms.summary,
      ].join("\n"),
  );
  return EXIT.ok;
}

async function simulateVmsOnly(options: Options, output: Output): Promise<number> {
  const { seed, seeds, from, verbose } = options;
  const range = seed === undefined
    ? { from: from ?? 1, count: seeds ?? SEEDS / SEEDS_PER_VM_SEED }
    : { from: seed, count: 1 };
  const print = (line: string) => output.line({ happened: line }, line);
  const { failure, summary } = await simulateVmSeeds(range, output, verbose ? print : undefined);
  if (failure !== undefined) return EXIT.failed;
  output.result({ seeds: range.count, violation: null }, () => summary);
  return EXIT.ok;
}

/** Simulates VMs seed after seed; ends with the first promise that is broken, and reports it. */
async function simulateVmSeeds(
  { from, count }: { from: number; count: number },
  output: Output,
  print?: (line: string) => void,
): Promise<{ failure?: VmResult; summary: string }> {
  const sum = { vms: 0, tasks: 0, events: 0, processes: 0 };
  for (let seed = from; seed < from + count; seed++) {
    output.progress(`VMs, seed ${seed}`);
    const result = await simulateVms(seed, print);
    for (const name of ["vms", "tasks", "events", "processes"] as const) sum[name] += result[name];
    if (result.violation === undefined) continue;
    output.progress("");
    reportVms(result, output);
    return { failure: result, summary: "" };
  }
  output.progress("");
  const summary = `VMs: ${count} times two weeks, ${sum.vms} VMs, ${sum.tasks} tasks, ` +
    `${sum.events} events, ${sum.processes} processes, no promise broken`;
  return { summary };
}

function reportVms({ seed, violation, trace }: VmResult, output: Output): void {
  const command = `deno task sim --vms --seed ${seed} --verbose`;
  output.result({ seed, violation: violation?.message, trace, command }, () =>
    [
      `Seed ${seed} breaks a promise about VMs:`,
      `  ${violation?.message}`,
      `The last ${trace.length} happenings:`,
      ...trace.map((line) => `  ${line}`),
      `To run it again: ${command}`,
    ].join("\n"));
}

async function simulateOne(plan: Plan, options: Options, output: Output): Promise<number> {
  const print = (line: string) => output.line({ happened: line }, line);
  const result = await simulate(plan, options.verbose ? { print } : {});
  if (result.violation !== undefined) {
    report(result, output);
    return EXIT.failed;
  }
  const { events, processes } = result;
  output.result({ plan, events, processes, violation: null }, () => {
    return `seed ${plan.seed}: ${events} events, ${processes} processes, no promise broken`;
  });
  return EXIT.ok;
}

function report({ plan, violation, trace }: Result, output: Output): void {
  const command = commandOf(plan);
  output.result(
    { plan, violation: violation?.message, invariant: violation?.invariant, trace, command },
    () =>
      [
        `Seed ${plan.seed} breaks a promise:`,
        `  ${violation?.message}`,
        `The last ${trace.length} happenings:`,
        ...trace.map((line) => `  ${line}`),
        `To run it again: ${command}`,
      ].join("\n"),
  );
}

function listed(missing: readonly string[]): string[] {
  const shown = missing.slice(0, SHOWN).map((line) => `  missing: ${line}`);
  const rest = missing.length - shown.length;
  return rest > 0 ? [...shown, `  and ${rest} more`] : shown;
}

function planFrom(options: Options, seed: number): Plan {
  const plan = planOf(seed);
  const without = listOf(options.without, FAULTS, "--without");
  const settings = Object.fromEntries(
    FAULTS.map((fault) => [fault, plan.settings[fault] && !without.includes(fault)]),
  ) as Plan["settings"];
  const kinds: readonly KindName[] = options.kinds === undefined
    ? plan.kinds
    : listOf(options.kinds, KIND_NAMES, "--kinds");
  return {
    ...plan,
    kinds,
    settings,
    events: options.events ?? plan.events,
    aims: options.aim.map(aimFrom),
  };
}

function aimFrom(text: string): Aim {
  const [situation = "", named] = text.split(" @ ");
  const point: CrashPoint | undefined = CRASH_POINTS.find((one) => one === named);
  if (point !== undefined) return { situation, point };
  throw new UsageError(`Cannot aim at "${text}": want a point of ${CRASH_POINTS.join(", ")}`);
}

function listOf<T extends string>(
  text: string | undefined,
  known: readonly T[],
  option: string,
): T[] {
  return (text ?? "").split(",").filter((name) => name !== "").map((name) => {
    const found = known.find((one) => one === name);
    if (found !== undefined) return found;
    throw new UsageError(`Cannot use ${option} "${name}": want ${known.join(", ")}`);
  });
}
