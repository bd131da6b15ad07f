/** What only the `docker` provider does or fails at, tried on a podman of the test's own. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createDockerProvider } from "../../actors/adapters/vm/docker.ts";
import { ProviderError, type VmHandle, type VmSpec } from "../../actors/adapters/vm/provider.ts";
import { podmanAvailable, startPodmanService } from "../testing/podman_service.ts";
import { eventually } from "../testing/processes.ts";
import { type Bench, openBench, sh, start, uniqueSeconds } from "../suites/vm_provider_bench.ts";
import { call, createCall, never } from "../suites/vm_provider_bench.ts";

const skip = await podmanAvailable();

type World = Bench & {
  warnings: string[];
  /** Asks podman itself. */
  ask(method: string, path: string, body?: unknown): Promise<void>;
};

function withPodman(name: string, test: (world: World) => Promise<void>): void {
  const title = skip === undefined ? `docker: ${name}` : `SKIPPED (${skip}): docker: ${name}`;
  Deno.test(title, { ignore: skip !== undefined }, async () => {
    await using podman = await startPodmanService();
    const { socket, image } = podman;
    const home = await Deno.makeTempDir();
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const provider = () => createDockerProvider({ socket, home, instance: "podmantest", warn });
    const client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
    const ask: World["ask"] = async (method, path, body = {}) => {
      const response = await fetch(`http://192.0.2.1/v1.41${path}`, {
        client,
        method,
        headers: { "content-type": "application/json" },
        ...(method === "GET" ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      assert(response.ok, `${method} ${path}: ${text}`);
    };
    const bench = openBench({
      home,
      provider,
      stranger: provider,
      spec: { image },
      httpServer: () => [],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
    await test({ ...bench, warnings, ask });
    await bench.deleteAll();
    client.close();
    await Deno.remove(home, { recursive: true });
  });
}

withPodman("find() ends the commands of an earlier server, and nothing else", async (world) => {
  const { provider, place, create, run, warnings } = world;
  const vm = await create();
  const [abandoned, child, behind] = [1, 2, 3].map(uniqueSeconds);
  await run(vm, sh(`sleep ${behind} >/dev/null 2>&1 &`));
  const running = start(provider, vm, {
    command: sh(`env -i sleep ${child} & echo on; sleep ${abandoned}; true`),
  });
  await running.shows("on\n");
  // The same as after a restart: it knows of no command.
  const next = place.provider();
  assertEquals((await next.find(vm.vmId, never()))?.state, "running");
  assertEquals((await running.ended).signal, "SIGKILL");
  const lines = await world.commandLines(vm);
  for (const each of [abandoned, child]) assert(!lines.includes(`sleep ${each}`), lines);
  assertStringIncludes(lines, `sleep ${behind}`);
  assertEquals(warnings, ["Ended commands that an earlier server left"]);
  const ours = start(next, vm, { command: sh(`echo on; sleep ${abandoned}`) });
  await ours.shows("on\n");
  await next.find(vm.vmId, never());
  assertStringIncludes(await world.commandLines(vm), `sleep ${abandoned}`);
  await provider.delete(vm.vmId, call());
  await Promise.allSettled([ours.ended]);
});

withPodman("resume() ends what could not be ended while the VM slept", async (world) => {
  const { provider, create } = world;
  const vm = await create();
  const [seconds = "", stays = ""] = [1, 2].map(uniqueSeconds);
  const other = start(provider, vm, { command: sh(`echo on; sleep ${stays}; true`) });
  await other.shows("on\n");
  const stop = new AbortController();
  const { ended, shows } = start(provider, vm, {
    command: sh(`echo on; sleep ${seconds}; true`),
    signal: stop.signal,
  });
  await shows("on\n");
  await provider.suspend(vm, call());
  stop.abort(new Error("enough"));
  await assertRejects(() => ended, Error, "enough");
  assertEquals(world.warnings, ["Cannot end a command"]);
  await provider.resume(vm, call());
  const lines = await world.commandLines(vm);
  assert(!lines.includes(seconds), lines);
  assertStringIncludes(lines, stays);
  await provider.delete(vm.vmId, call());
  await Promise.allSettled([other.ended]);
});

withPodman("create() starts a VM again that stopped with its daemon", async (world) => {
  const { provider, spec, run } = world;
  const wanted = spec();
  const vm = await provider.create(wanted, createCall());
  await run(vm, sh("echo kept >file"));
  await world.ask("POST", `/containers/${vm.providerId}/kill`);
  await eventually(async () => await stateOf(world, vm) === "stopped");
  const stopped = await assertRejects(() => run(vm, ["true"]), ProviderError);
  assertEquals(stopped.code, "not_running");
  const resumed = await assertRejects(() => provider.resume(vm, call()), ProviderError);
  assertEquals(resumed.code, "not_running");
  assertEquals(await provider.create(wanted, createCall()), vm);
  assertEquals((await run(vm, ["cat", "file"])).stdout, "kept\n");
});

withPodman("create() takes over a container that another attempt made", async (world) => {
  const { provider, spec } = world;
  const wanted = spec();
  const cut = new AbortController();
  const cutting = provider.create(
    wanted,
    createCall(cut.signal, ({ type }) => type === "containerCreated" && cut.abort()),
  );
  await assertRejects(() => cutting);
  const found = await provider.find(wanted.vmId, never());
  assertEquals(found?.state, "stopped");
  assertEquals(await provider.create(wanted, createCall()), found?.handle);
});

withPodman("create() refuses an image that cannot be had or has no shell", async (world) => {
  const { provider, spec, create } = world;
  const refused = async (changes: Partial<VmSpec>) => {
    const attempt = () => provider.create(spec(changes), createCall());
    const { code, message } = await assertRejects(attempt, ProviderError);
    assertEquals(code, "invalid", message);
    return message;
  };
  assertStringIncludes(await refused({ image: null }), "needs an image");
  assertStringIncludes(await refused({ image: "NO/such" }), "lowercase");
  const vm = await create();
  await world.run(vm, ["rm", "/bin/sh"]);
  await world.ask("POST", `/commit?container=${vm.providerId}&repo=localhost/shellless&tag=1`);
  assertStringIncludes(await refused({ image: "localhost/shellless:1" }), "no shell");
});

withPodman("a VM has no rights, few processes, and dies of no hunger for memory", async (world) => {
  const resources = { cpus: 1, memoryMiB: 64, diskMiB: null };
  const vm = await world.create({ resources });
  const status = (await world.run(vm, ["cat", "/proc/self/status"])).stdout;
  assertStringIncludes(status, "CapEff:\t0000000000000000");
  assertStringIncludes(status, "NoNewPrivs:\t1");
  // Of a VM whose memory runs out the kernel ends a command, and not what holds the VM up.
  const score = async (pid: string) =>
    Number((await world.run(vm, ["cat", `/proc/${pid}/oom_score_adj`])).stdout);
  assert(await score("self") > await score("1"));
  const hog = await world.run(vm, sh("head -c 200000000 /dev/zero | tail -c 150000000 | wc -c"));
  assert(hog.stdout.trim() !== "150000000", "it had more memory than it may");
  assertEquals((await world.run(vm, ["echo", "alive"])).stdout, "alive\n");
  const { memoryLimitBytes } = await world.provider.stats(vm, call());
  assertEquals(memoryLimitBytes, 64 << 20);
});

withPodman("exec() waits for a command that has closed its output", async ({ create, run }) => {
  const silent = sh("exec >/dev/null 2>&1 </dev/null; sleep 1; exit 3");
  assertEquals((await run(await create(), silent)).exitCode, 3);
});

withPodman("a VM has a network where it is given one, and none else", async (world) => {
  const devices = async (network: VmSpec["network"]) => {
    const vm = await world.create({ network });
    const { stdout } = await world.run(vm, ["cat", "/proc/net/dev"]);
    return [...stdout.matchAll(/^ *(\w+):/gm)].map(([, name]) => name);
  };
  assertEquals(await devices("none"), ["lo"]);
  assertEquals((await devices("full")).sort(), ["eth0", "lo"]);
});

async function stateOf({ provider }: World, vm: VmHandle): Promise<string | undefined> {
  return (await provider.find(vm.vmId, never()))?.state;
}
