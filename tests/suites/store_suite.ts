/**
 * What every store does, whatever it is made of. A store passes when all cases pass; what only one
 * of them can do or fail at is tested beside it in `tests/store/`.
 */
import type { Bench } from "./store_bench.ts";
import { careCases } from "./store_care_cases.ts";
import { commitCases } from "./store_commit_cases.ts";
import { cutCases } from "./store_cut_cases.ts";
import { debtCases } from "./store_debt_cases.ts";
import { leaseCases } from "./store_lease_cases.ts";
import { listCases } from "./store_list_cases.ts";

/** Registers the suite's tests for one kind of store. */
export function storeSuite(name: string, open: () => Promise<Bench>): void {
  const suite = {
    ...leaseCases,
    ...commitCases,
    ...listCases,
    ...debtCases,
    ...careCases,
    ...cutCases,
  };
  for (const [behaviour, run] of Object.entries(suite)) {
    Deno.test(`${name}: ${behaviour}`, async () => {
      const bench = await open();
      try {
        await run(bench);
      } finally {
        await bench.store.close();
        await bench.dispose();
      }
    });
  }
}
