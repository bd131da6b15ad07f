/**
 * What every VM provider does, whatever its VMs are made of. A provider passes when all cases pass;
 * what only one of them can do or fail at is tested beside it in `tests/adapters/`. Commands in the
 * VMs are plain POSIX ones, as busybox has them.
 */
import { type Cases, openBench, type Setup } from "./vm_provider_bench.ts";
import { execCases } from "./vm_provider_exec_cases.ts";
import { lifeCases } from "./vm_provider_life_cases.ts";
import { makeCases } from "./vm_provider_make_cases.ts";
import { reachCases } from "./vm_provider_reach_cases.ts";
import { terminalCases } from "./vm_provider_terminal_cases.ts";

/** Why the suite cannot run here; null where it can. */
export type SuiteOptions = { skip?: string | null };

/** Registers the suite's tests for one provider. A suite that cannot run says so in each test. */
export function vmProviderSuite(
  name: string,
  setup: () => Promise<Setup>,
  { skip = null }: SuiteOptions = {},
): void {
  const suite: Cases = {
    ...makeCases,
    ...lifeCases,
    ...execCases,
    ...terminalCases,
    ...reachCases,
  };
  for (const [behaviour, run] of Object.entries(suite)) {
    const title = `${name}: ${behaviour}`;
    Deno.test({
      name: skip === null ? title : `SKIPPED (${skip}): ${title}`,
      ignore: skip !== null,
      async fn() {
        await using place = await setup();
        const bench = openBench(place);
        await run(bench);
        await bench.deleteAll();
      },
    });
  }
}
