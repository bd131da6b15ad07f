/** Making VMs: once, with what in them, cut off in the middle, and found again. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { setImmediate } from "node:timers/promises";
import type {
  VmConditionReport,
  VmConditionType,
  VmSpec,
} from "../../actors/adapters/vm/provider.ts";
import { git, makeRepository } from "../testing/git_server.ts";
import { type Bench, type Cases, createCall, never, rejectsWith, sh } from "./vm_provider_bench.ts";

/** The order in which a VM comes about. */
const ORDER: readonly VmConditionType[] = [
  "scheduled",
  "imagePulled",
  "projectCloned",
  "imageBuilt",
  "containerCreated",
  "containerStarted",
  "ready",
];

/** Turns of the event loop after which a making is cut off. */
const CUTS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

export const makeCases: Cases = {
  "create() makes one VM of an id and generation, however often it is called": once,
  "create() replaces a VM of an earlier generation": replaces,
  "create() reports conditions in their order, ready last": reports,
  "create() refuses an id that leads elsewhere": ids,
  "create() clones a repository into the work directory": clones,
  "create() fails clearly where there is no such ref or repository": cannotClone,
  "create() may be cut off anywhere, and makes one VM when called again": cutOff,
  "find() and list() know the VMs after a restart": restart,
  "list() shows no VMs of another instance": strangers,
};

async function once(bench: Bench): Promise<void> {
  const { provider } = bench;
  const spec = bench.spec();
  const vm = await provider.create(spec, createCall());
  assertEquals([vm.vmId, vm.generation], [spec.vmId, spec.generation]);
  await bench.run(vm, sh("echo kept > file"));
  assertEquals(await provider.create(spec, createCall()), vm);
  assertEquals(await bench.place.provider().create(spec, createCall()), vm);
  assertEquals((await bench.run(vm, ["cat", "file"])).stdout, "kept\n");
  assertEquals((await provider.list(never())).length, 1);
}

async function replaces(bench: Bench): Promise<void> {
  const { provider } = bench;
  const spec = bench.spec();
  const old = await provider.create(spec, createCall());
  await bench.run(old, sh("echo old > file"));
  const vm = await provider.create({ ...spec, generation: 2 }, createCall());
  assertEquals((await bench.run(vm, ["cat", "file"])).exitCode, 1);
  assertEquals((await provider.list(never())).map(({ generation }) => generation), [2]);
  await rejectsWith("not_found", () => bench.run(old, ["true"]));
}

async function reports(bench: Bench): Promise<void> {
  const told: VmConditionReport[] = [];
  const source = { repo: await sourceOf(bench), ref: null };
  await bench.provider.create(bench.spec({ source }), createCall(never(), (c) => told.push(c)));
  const last = told.at(-1);
  assertEquals([last?.type, last?.status, last?.progress], ["ready", "true", 100]);
  const types = [...new Set(told.map(({ type }) => type))];
  assertEquals(types, ORDER.filter((type) => types.includes(type)));
  assert(types.includes("projectCloned"));
  for (const { type, status, reason, progress } of told) {
    assert(reason !== "", `${type} without a reason`);
    assert(progress >= 0 && progress <= 100, `${type} at ${progress}`);
    assert(status !== "false", `${type} failed`);
  }
}

async function ids({ provider, spec, place }: Bench): Promise<void> {
  const plain = spec();
  for (const vmId of ["", ".", "..", "../out", "a/b", "a\0b", "x".repeat(1_000)]) {
    await rejectsWith("invalid", () => provider.create({ ...plain, vmId }, createCall()));
  }
  const beside = await Array.fromAsync(Deno.readDir(place.home));
  assertEquals(beside.filter(({ name }) => name === "out"), []);
}

async function clones(bench: Bench): Promise<void> {
  const repo = await sourceOf(bench);
  for (const [ref, content] of [[null, "two"], ["main", "two"], ["old", "one"]] as const) {
    const vm = await bench.create({ source: { repo, ref } });
    assertEquals((await bench.run(vm, ["cat", "file"])).stdout, content);
    const config = (await bench.run(vm, ["cat", ".git/config"])).stdout;
    assertStringIncludes(config, repo);
    // Nothing but what is in the VM itself.
    const borrowed = await bench.run(vm, ["cat", ".git/objects/info/alternates"]);
    assertEquals(borrowed.exitCode, 1);
    assertEquals((await bench.run(vm, sh("echo more >> file && cat file"))).exitCode, 0);
  }
  assertEquals(await Deno.readTextFile(`${repo}/file`), "two");
}

async function cannotClone(bench: Bench): Promise<void> {
  const { provider } = bench;
  const repo = await sourceOf(bench);
  const cases = [
    { source: { repo, ref: "no-such-branch" }, named: "no-such-branch" },
    { source: { repo: `${repo}-gone`, ref: null }, named: `${repo}-gone` },
  ];
  for (const { source, named } of cases) {
    const told: VmConditionReport[] = [];
    const spec = bench.spec({ source });
    const make = () => provider.create(spec, createCall(never(), (c) => told.push(c)));
    const error = await rejectsWith("invalid", make);
    assertStringIncludes(error.message, named);
    assert(told.some(({ type, status }) => type === "projectCloned" && status === "false"));
    assert(!told.some(({ type, status }) => type === "ready" && status === "true"));
    assert((await provider.find(spec.vmId, never()))?.state !== "running");
  }
}

async function cutOff(bench: Bench): Promise<void> {
  const source = { repo: await sourceOf(bench), ref: "old" };
  const spec = bench.spec({ source });
  let finished = 0;
  for (const turns of CUTS) {
    const given = new Error(`cut off after ${turns} turns`);
    const cut = new AbortController();
    const making = bench.place.provider().create(spec, createCall(cut.signal)).then(
      () => finished++,
      (error) => assertEquals(error, given),
    );
    for (let turn = 0; turn < turns; turn++) await setImmediate();
    cut.abort(given);
    await making;
    if (finished === 0) continue;
    // Each of the others was cut off in the middle, and this one was too late.
    await bench.provider.delete(spec.vmId, createCall());
    finished = 0;
  }
  await assertMadeOnce(bench, spec);
}

async function assertMadeOnce({ provider, run }: Bench, spec: VmSpec): Promise<void> {
  const vm = await provider.create(spec, createCall());
  assertEquals((await run(vm, ["cat", "file"])).stdout, "one");
  const listed = await provider.list(never());
  assertEquals(listed.map(({ vmId, state }) => [vmId, state]), [[spec.vmId, "running"]]);
}

async function restart(bench: Bench): Promise<void> {
  const { provider } = bench;
  const first = await bench.create({ env: { GREETING: "still here" } });
  const second = await bench.create();
  await provider.suspend(second, createCall());
  const again = bench.place.provider();
  const found = await again.find(first.vmId, never());
  assertEquals(found, { vmId: first.vmId, generation: 1, state: "running", handle: first });
  assertEquals((await again.find(second.vmId, never()))?.state, "suspended");
  assertEquals(await again.find("vm_never", never()), undefined);
  const listed = await again.list(never());
  assertEquals(listed.map(({ vmId }) => vmId).sort(), [first.vmId, second.vmId].sort());
  let said = "";
  const request = {
    command: sh('echo "$GREETING"'),
    onOutput: ({ data }: { data: Uint8Array }) => void (said += new TextDecoder().decode(data)),
  };
  await again.exec(first, request, createCall());
  assertEquals(said, "still here\n");
  await again.resume(second, createCall());
  assertEquals((await bench.run(second, ["true"])).exitCode, 0);
}

async function strangers({ provider, create, place }: Bench): Promise<void> {
  const vm = await create();
  const stranger = place.stranger();
  assertEquals(await stranger.list(never()), []);
  assertEquals(await stranger.find(vm.vmId, never()), undefined);
  await stranger.delete(vm.vmId, createCall());
  assertEquals((await provider.find(vm.vmId, never()))?.state, "running");
  await assertRejects(() => stranger.exec(vm, { command: ["true"] }, createCall()));
}

/** A repository whose branch `main` holds `file` with "two", and `old` with "one". */
async function sourceOf({ place }: Bench): Promise<string> {
  const repo = `${place.home}/source`;
  await makeRepository(repo);
  await git(repo, "branch", "old", "HEAD~1");
  return repo;
}
