import { assertThrows } from "@std/assert";
import { entryOf } from "../../actors/adapters/vm/bwrap_enter.ts";
import { ProviderError } from "../../actors/adapters/vm/provider.ts";

const NO_GROUPS = { memory: null, cpu: null, pids: null, tree: null };

Deno.test("entryOf() refuses an environment that no process can be given", () => {
  const record = {
    provider: "bwrap" as const,
    network: "none" as const,
    ...{ vmId: "vm_1", generation: 1, ready: true, env: {}, groups: NO_GROUPS, init: null },
    resources: { cpus: null, memoryMiB: null, diskMiB: null },
  };
  const enter = (env: Record<string, string>) =>
    entryOf(record, {
      ...{ command: ["true"], cwd: "/", env, markers: {}, leaf: "command", asRoot: false },
    });
  enter({ A: "x".repeat(100 * 1024), B: "y" });
  for (
    const env of [{ A: "'".repeat(40 * 1024) }, { A: "x".repeat(70_000), B: "x".repeat(70_000) }]
  ) {
    assertThrows(() => enter(env), ProviderError, "the limit is 131071");
  }
});
