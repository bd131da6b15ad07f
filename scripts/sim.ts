/**
 * `deno task sim`: runs the real runtime on a simulated clock, store and outside, and looks whether
 * what must always hold does. A seed that fails is made small and printed with its last happenings
 * and the command that runs it again.
 */
import { runCampaign } from "../tests/simulation/campaign.ts";
import { CRASH_POINTS, type CrashPoint } from "../tests/simulation/coverage.ts";
import { simulateGoals } from "../tests/simulation/goal_simulate.ts";
import { KIND_NAMES, type KindName } from "../tests/simulation/kinds.ts";
import { type Aim, commandOf, FAULTS, type Plan, planOf } from "../tests/simulation/plan.ts";
import { Calendar } from "../tests/simulation/schedule_calendar.ts";
import { simulateSchedules } from "../tests/simulation/schedule_simulate.ts";
import { shrink } from "../tests/simulation/shrink.ts";
import { type Result, simulate } from "../tests/simulation/simulate.ts";
import { simulateVms } from "../tests/simulation/vm_simulate.ts";
import { type Arguments, runScript, UsageError } from "./lib/args.ts";
import { EXIT } from "./lib/exit_codes.ts";
import { createOutput, type Output } from "./lib/output.ts";

/** Seeds, unless somebody says how many. */
const SEEDS = 1_000;
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
    schedules: { type: "boolean", help: "Schedules alone; with --seed: of that seed" },
    goals: { type: "boolean", help: "Goals alone; with --seed: their simulation of that seed" },
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
    "deno task sim --goals --seeds 500",
    "deno task sim --schedules --seeds 2000",
  ],
} as const;

/** A simulation of some of the server's kinds, beside those of the runtime. */
type Part = {
  title: string;
  /** One simulation of it for so many seeds of the runtime. */
  seedsPerSeed: number;
  simulate(seed: number, print?: (line: string) => void): Promise<PartResult>;
};

type PartResult = {
  seed: number;
  violation: Error | undefined;
  trace: string[];
  /** What there was, by name. */
  counts: { readonly [name: string]: number };
};

/** Shared by all seeds: what it has worked out it keeps. */
const calendar = new Calendar();

/** By the option that asks for it alone. */
const PARTS: { readonly [Name in "vms" | "schedules" | "goals"]: Part } = {
  vms: {
    title: "VMs, two weeks each",
    seedsPerSeed: 250,
    async simulate(seed, print) {
      const { vms, tasks, events, processes, ...result } = await simulateVms(seed, print);
      return { ...result, counts: { VMs: vms, tasks, events, processes } };
    },
  },
  schedules: {
    title: "Schedules",
    seedsPerSeed: 2,
    async simulate(seed, print) {
      const options = print === undefined ? { calendar } : { calendar, print };
      const { slots, runs, crashes, ...result } = await simulateSchedules(seed, options);
      // The server dies in each.
      const counts = { "crash runs": crashes > 0 ? 1 : 0, slots, runs, crashes };
      return { ...result, counts };
    },
  },
  goals: {
    title: "Goals",
    seedsPerSeed: 2,
    async simulate(seed, print) {
      const { goals, iterations, events, processes, ...result } = await simulateGoals(seed, print);
      return { ...result, counts: { goals, iterations, events, processes } };
    },
  },
};

type PartName = keyof typeof PARTS;
const PART_NAMES = Object.keys(PARTS) as PartName[];

type Options = Arguments<typeof SPEC>["options"];

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const output = createOutput(options);
    const part = PART_NAMES.find((name) => options[name]);
    if (part !== undefined) return await simulatePartOnly(part, options, output);
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
  const parts: string[] = [];
  for (const name of PART_NAMES) {
    const partRange = { ...range, count: Math.ceil(range.count / PARTS[name].seedsPerSeed) };
    const { failure, summary } = await simulatePart(name, partRange, { output });
    if (failure !== undefined) return EXIT.failed;
    parts.push(summary);
  }
  output.result(
    {
      ...counts,
      parts,
      seconds,
      violation: null,
      crashes,
      edges,
    },
    () =>
      [
        `${counts.seeds} seeds and ${counts.aimed} aimed runs: ${counts.events} events, ` +
        `${counts.processes} processes, no promise broken (${seconds.toFixed(1)} s)`,
        `Crash coverage: ${crashes.hit} of ${crashes.all} (effect in a state × point of death)`,
        ...listed(crashes.missing.map(({ situation, point }) => `${situation} @ ${point}`)),
        `Transitions: ${edges.hit} of ${edges.all}`,
        ...listed(edges.missing),
        ...parts,
      ].join("\n"),
  );
  return EXIT.ok;
}

async function simulatePartOnly(
  name: PartName,
  { seed, seeds, from, verbose }: Options,
  output: Output,
): Promise<number> {
  const range = seed === undefined
    ? { from: from ?? 1, count: seeds ?? SEEDS / PARTS[name].seedsPerSeed }
    : { from: seed, count: 1 };
  const print = (line: string) => output.line({ happened: line }, line);
  const ports = verbose ? { output, print } : { output };
  const { failure, summary } = await simulatePart(name, range, ports);
  if (failure !== undefined) return EXIT.failed;
  output.result({ seeds: range.count, violation: null }, () => summary);
  return EXIT.ok;
}

/** Simulates a part seed after seed; ends with the first promise that is broken, and reports it. */
async function simulatePart(
  name: PartName,
  { from, count }: { from: number; count: number },
  { output, print }: { output: Output; print?: (line: string) => void },
): Promise<{ failure?: PartResult; summary: string }> {
  const { title, simulate } = PARTS[name];
  const sum = new Map<string, number>();
  for (let seed = from; seed < from + count; seed++) {
    output.progress(`${title}, seed ${seed}`);
    const result = await simulate(seed, print);
    for (const [what, number] of Object.entries(result.counts)) {
      sum.set(what, (sum.get(what) ?? 0) + number);
    }
    if (result.violation === undefined) continue;
    output.progress("");
    reportPart(name, result, output);
    return { failure: result, summary: "" };
  }
  output.progress("");
  const seen = [...sum].map(([what, number]) => `${number} ${what}`).join(", ");
  return { summary: `${title}: ${count} seeds, ${seen}, no promise broken` };
}

function reportPart(name: PartName, { seed, violation, trace }: PartResult, output: Output): void {
  const command = `deno task sim --${name} --seed ${seed} --verbose`;
  output.result({ seed, violation: violation?.message, trace, command }, () =>
    [
      `${PARTS[name].title}: seed ${seed} breaks a promise:`,
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
