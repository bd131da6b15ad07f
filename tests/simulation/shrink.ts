/**
 * Makes a failing plan smaller: fewer kinds, fewer events, fewer sorts of faults, as long as the
 * same invariant breaks. The same seed with less in it is another story, so every step is tried.
 */
import { FAULTS, type Plan } from "./plan.ts";
import { type Result, simulate } from "./simulate.ts";

/** Simulations that shrinking may take. */
const MAX_TRIES = 200;

/** The smallest failing plan that was found, and how it ended. */
export async function shrink(
  failure: Result,
  run: (plan: Plan) => Promise<Result> = simulate,
): Promise<Result> {
  let smallest = failure;
  let tries = 0;
  for (let isSmaller = true; isSmaller && tries < MAX_TRIES;) {
    isSmaller = false;
    for (const plan of smallerThan(smallest.plan)) {
      tries += 1;
      const result = await run(plan);
      if (result.violation?.invariant !== failure.violation?.invariant) continue;
      smallest = result;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

function smallerThan(plan: Plan): Plan[] {
  const { kinds, events, settings } = plan;
  const fewerKinds = kinds.length === 1
    ? []
    : kinds.map((kind) => ({ ...plan, kinds: kinds.filter((other) => other !== kind) }));
  const fewerFaults = FAULTS.filter((fault) => settings[fault])
    .map((fault) => ({ ...plan, settings: { ...settings, [fault]: false } }));
  const fewerEvents = [Math.floor(events / 2), events - 1].filter((count) => count > 0)
    .map((count) => ({ ...plan, events: count }));
  return [...fewerKinds, ...fewerFaults, ...fewerEvents];
}
