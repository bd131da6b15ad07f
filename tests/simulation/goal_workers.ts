/**
 * Who works for simulated goals: workers and auditors, honest, lying, idle, hanging, dying and
 * talkative ones. What one makes of an attempt is left to chance and to its character.
 */
import type { ExecutorErrorCode } from "../../actors/adapters/executor/executor.ts";
import type { Random } from "./random.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const CHARACTERS = [
  "honest",
  "liar",
  "idle",
  "hanging",
  "dying",
  "talkative",
  "sleepy",
] as const;
export type Character = typeof CHARACTERS[number];

/** What becomes of one attempt. */
export type Deed = {
  ms: number;
  exitCode: number;
  output: string;
  /** It is lost after so long, with this code. */
  fails?: ExecutorErrorCode;
  /** What it says it has used while it works. */
  tokens?: number;
  /** It asks a person something, and nobody answers. */
  asks?: boolean;
};

const CLAIM = { goal: "complete", summary: "All is done" };
const FINDINGS = [["No docs"], ["No docs", "Slow"], []];
const CODES = ["orphaned", "network", "spawn_failed", "runtime_offline"] as const;

/** An attempt of an iteration, or of the last one. */
export function iterate(random: Random, character: Character): Deed {
  const work = { ms: random.int(3 * MINUTE, 15 * MINUTE), exitCode: 0 };
  const say = (...reports: object[]) => said(reports.concat(usageOf(random)));
  const session = random.chance(0.1) ? { session: random.pick(["s1", "own"]) } : {};
  const honest = {
    ...work,
    output: say(random.chance(0.3) ? CLAIM : { summary: "Went on", ...session }),
  };
  switch (character) {
    case "honest":
      return honest;
    case "liar":
      return { ...work, output: say({ ...CLAIM, audit: "confirmed" }) };
    case "idle":
      return { ...work, ms: random.int(1, 2 * MINUTE), output: say() };
    case "hanging":
      if (random.chance(0.7)) return honest;
      return {
        ...{ ...honest, ms: 1_000 * HOUR, tokens: random.int(0, 9), asks: random.chance(0.5) },
      };
    case "dying":
      if (random.chance(0.5)) return { ...honest, exitCode: random.int(0, 2) };
      return { ...honest, fails: random.pick(CODES), tokens: random.int(0, 9) };
    case "talkative":
      return { ...work, output: say(...Array.from({ length: 20 }, () => anything(random))) };
    case "sleepy":
      return { ...work, output: say({ delay: { seconds: wait(random), reason: "CI" } }) };
  }
}

export function audit(random: Random): Deed {
  const work = { ms: random.int(SECOND, 10 * MINUTE), exitCode: 0 };
  const dice = random.next();
  const say = (report: object) => said([report, usageOf(random)]);
  const confirmed = { ...work, output: say({ audit: "confirmed" }) };
  const missing = { audit: "missing", findings: random.pick(FINDINGS) };
  if (dice < 0.25) return confirmed;
  if (dice < 0.65) return { ...work, output: say(missing) };
  if (dice < 0.75) return { ...work, output: say({}) };
  if (dice < 0.85) return { ...confirmed, exitCode: 1 };
  if (dice < 0.9) return { ...confirmed, ms: 1_000 * HOUR };
  return { ...confirmed, fails: random.pick(CODES) };
}

function said(reports: readonly object[]): string {
  return ["Did it", ...reports.map((report) => `@holdfast ${JSON.stringify(report)}`)].join("\n");
}

function usageOf(random: Random): object {
  return { usage: { tokens: random.int(0, 50), costUsd: random.int(0, 2) / 4 } };
}

function wait(random: Random): number {
  return random.pick([0, 1, 60, 600, 3_600, 1e9]);
}

function anything(random: Random): object {
  return random.pick([
    { audit: "confirmed" },
    { goal: "complete" },
    { goal: true, findings: "none" },
    { delay: { seconds: wait(random), reason: "Why not" } },
    { delay: -1 },
    { summary: "x".repeat(random.int(0, 500)) },
    { usage: { tokens: -5 } },
    { [`own ${random.int(1, 5)}`]: null },
  ]);
}
