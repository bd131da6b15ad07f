import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments, UsageError } from "../../scripts/lib/args.ts";
import { NEW_VM_OPTIONS, newVm } from "../../scripts/lib/vm_new.ts";

const SPEC = { name: "vm create", summary: "", options: NEW_VM_OPTIONS, examples: [] } as const;
const NOW = Date.UTC(2026, 0, 1);

/** The body that a command line makes, as it is sent. */
function bodyOf(...args: string[]): unknown {
  return JSON.parse(JSON.stringify(newVm(parseArguments(SPEC, args).options, NOW)));
}

Deno.test("newVm() sends no more than what was given", () => {
  assertEquals(bodyOf(), {});
  assertEquals(bodyOf("--memory", "512M"), { resources: { memoryMiB: 512 } });
});

Deno.test("newVm() takes every option", () => {
  const body = bodyOf(
    ...["--provider", "bwrap", "--image", "debian", "--repo", "https://example.com/a.git"],
    ...["--ref", "main", "--workspace", "web", "--title", "Mine", "--network", "full"],
    ...["--cpus", "1.5", "--memory", "2G", "--disk", "10GiB", "--sleep", "5m"],
    ...["--recycle", "never", "--notify-before", "1h", "--expire-at", "8h"],
    ...["--env", "A=b=c", "--env", "EMPTY=", "--label", "team=web"],
  );
  assertEquals(body, {
    provider: "bwrap",
    image: "debian",
    repo: "https://example.com/a.git",
    ref: "main",
    workspace: "web",
    title: "Mine",
    network: "full",
    resources: { cpus: 1.5, memoryMiB: 2_048, diskMiB: 10_240 },
    idle: { sleepMs: 300_000, recycleMs: null, notifyBeforeMs: 3_600_000 },
    expireAt: "2026-01-01T08:00:00.000Z",
    env: { A: "b=c", EMPTY: "" },
    labels: { team: "web" },
  });
});

Deno.test("newVm() takes an instant for --expire-at", () => {
  const body = bodyOf("--expire-at", "2030-01-31T18:00+01:00");
  assertEquals(body, { expireAt: "2030-01-31T17:00:00.000Z" });
});

const REFUSED: readonly [args: string[], reason: string][] = [
  [["--cpus", "0"], `Cannot use --cpus "0": want a number such as 2 or 0.5`],
  [["--cpus", "many"], `Cannot use --cpus "many"`],
  [["--memory", "512"], `Cannot use --memory "512": want a size such as 512M or 2G`],
  [["--disk", "0G"], `Cannot use --disk "0G"`],
  [["--sleep", "soon"], `Cannot use --sleep "soon"`],
  [["--expire-at", "tomorrow"], `Cannot use --expire-at "tomorrow"`],
  [["--ref", "main"], `Cannot use --ref "main": want --repo with it`],
  [["--env", "A"], `Cannot use --env "A": want NAME=VALUE`],
];

for (const [args, reason] of REFUSED) {
  Deno.test(`newVm() refuses ${args.join(" ")}`, () => {
    assertThrows(() => bodyOf(...args), UsageError, reason);
  });
}
