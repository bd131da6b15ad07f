/**
 * Many simulations in a row: first seed after seed, then those aimed at crashes that chance has
 * left out, so that every effect in every state has seen the process die at every point.
 */
import { Coverage, type Missing } from "./coverage.ts";
import { allKinds } from "./kinds.ts";
import { type Aim, planOf } from "./plan.ts";
import { type Result, simulate } from "./simulate.ts";

export type Campaign = {
  seeds: number;
  aimed: number;
  events: number;
  processes: number;
  failure: Result | undefined;
  crashes: ReturnType<Coverage["crashes"]>;
  edges: ReturnType<Coverage["edges"]>;
};

/** Runs `count` seeds, and what it takes for the crash coverage; ends with the first violation. */
export async function runCampaign(
  range: { from: number; count: number },
  onProgress: (text: string) => void = () => {},
): Promise<Campaign> {
  const coverage = new Coverage();
  const campaign = { seeds: 0, aimed: 0, events: 0, processes: 0 };
  let failure: Result | undefined;
  const run = async (seed: number, aims: readonly Aim[]) => {
    const result = await simulate({ ...planOf(seed), aims }, { coverage });
    campaign.events += result.events;
    campaign.processes += result.processes;
    if (result.violation !== undefined) failure = result;
  };
  for (let seed = range.from; seed < range.from + range.count && !failure; seed++) {
    await run(seed, []);
    campaign.seeds += 1;
    if (seed % 10 === 0) onProgress(`seed ${seed}`);
  }
  // Aiming at one may open the way to others.
  for (let round = 0; round < 3 && !failure; round++) {
    for (const missing of coverage.crashes().missing) {
      for (const { seed, aims } of attemptsAt(missing)) {
        if (failure || coverage.hasCrashed(missing.situation, missing.point)) break;
        await run(seed, aims);
        campaign.aimed += 1;
      }
      onProgress(`aimed at ${missing.situation}, ${missing.point}`);
    }
  }
  return {
    ...campaign,
    failure,
    crashes: coverage.crashes(),
    edges: coverage.edges(allKinds()),
  };
}

/** Straight at it; or by dying in that state first, so that the effect is taken up in it. */
function attemptsAt({ situation, point, seeds }: Missing): { seed: number; aims: Aim[] }[] {
  const straight: Aim[] = [{ situation, point }];
  const again: Aim[] = [{ situation, point: "after the commit" }, { situation, point }];
  return seeds.flatMap((seed) => [{ seed, aims: straight }, { seed, aims: again }]);
}
