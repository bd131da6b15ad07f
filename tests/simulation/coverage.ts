/**
 * What a run of the simulator has been through: transitions taken, and for every effect in every
 * state in which it is owed, the points at which the process died. Sums over any number of seeds.
 */
import { describeMachine } from "../../actors/runtime/definition.ts";
import type { RegisteredKind } from "../../actors/runtime/registry.ts";

/** Where a process can die, as seen from one effect. */
export const CRASH_POINTS = [
  "before the commit",
  "within the commit",
  "after the commit",
  "before the effect",
  "after the effect",
  "before its result",
  "in recovery",
] as const;

export type CrashPoint = typeof CRASH_POINTS[number];

/** Effects that go on until they are stopped: they have no result before which to die. */
const ENDLESS: ReadonlySet<string> = new Set(["echoing"]);
const RESULTS: ReadonlySet<CrashPoint> = new Set(["after the effect", "before its result"]);

/** `kind state effect`: an effect that is owed in a state. */
export type Situation = string;

export function situationOf(kind: string, state: string, src: string): Situation {
  return `${kind} ${state} ${src}`;
}

/** A crash that has not happened, and seeds in which it could. */
export type Missing = { situation: Situation; point: CrashPoint; seeds: readonly number[] };

/** Seeds kept for one situation. */
const MAX_SEEDS = 24;

export class Coverage {
  /** Situations that were reached, each with seeds that reach it. */
  readonly reached = new Map<Situation, number[]>();
  readonly #crashed = new Set<string>();
  readonly #edges = new Set<string>();

  reach(situation: Situation, seed: number): void {
    const seeds = this.reached.get(situation) ?? [];
    if (seeds.length >= MAX_SEEDS || seeds.at(-1) === seed) return;
    this.reached.set(situation, [...seeds, seed]);
  }

  crash(situation: Situation, point: CrashPoint): void {
    this.#crashed.add(`${situation} ${point}`);
  }

  hasCrashed(situation: Situation, point: CrashPoint): boolean {
    return this.#crashed.has(`${situation} ${point}`);
  }

  takeEdges(edges: Iterable<string>): void {
    for (const edge of edges) this.#edges.add(edge);
  }

  /** Pairs of situation and crash point: how many were hit, and those that were not. */
  crashes(): { hit: number; all: number; missing: Missing[] } {
    const all = [...this.reached].flatMap(([situation, seeds]) =>
      pointsOf(situation).map((point) => ({ situation, point, seeds }))
    );
    const missing = all.filter(({ situation, point }) => !this.hasCrashed(situation, point));
    return { hit: all.length - missing.length, all: all.length, missing };
  }

  /** Transitions that the machines have: how many were taken, and those that were not. */
  edges(kinds: readonly RegisteredKind[]): { hit: number; all: number; missing: string[] } {
    const all = new Set(kinds.flatMap(edgesOf));
    const missing = [...all].filter((edge) => !this.#edges.has(edge)).sort();
    return { hit: all.size - missing.length, all: all.size, missing };
  }
}

function pointsOf(situation: Situation): readonly CrashPoint[] {
  const src = situation.slice(situation.lastIndexOf(" ") + 1);
  return ENDLESS.has(src) ? CRASH_POINTS.filter((point) => !RESULTS.has(point)) : CRASH_POINTS;
}

/** Parts of a task's life that it has with a VM: the simulation of VMs goes there. */
const WITH_VM = /\b(?:equipped|awaitingVm|wakingVm)\b/;
const WORD_OF_VM = /^vm\./;

/** All transitions of a machine that can be taken and do anything, named as in the journal. */
function edgesOf({ name, definition }: RegisteredKind): string[] {
  const { states } = describeMachine(definition.machine);
  return states.flatMap(({ id, transitions }) =>
    transitions
      .filter(({ event, targets }) =>
        ![id, ...targets].some((state) => WITH_VM.test(state)) && !WORD_OF_VM.test(event)
      )
      .filter(({ targets, actions, reenter }) => targets.length + actions.length > 0 || reenter)
      .filter(({ actions }) => !actions.includes("explode"))
      .map(({ targets }) => `${name}: ${id} -> ${targets.join(",")}`)
  );
}
