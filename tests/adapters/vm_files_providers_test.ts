/** Files in VMs of every provider: the same scripts through each one's own way of running them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createBwrapProvider } from "../../actors/adapters/vm/bwrap.ts";
import { createDockerProvider } from "../../actors/adapters/vm/docker.ts";
import { createProcessProvider } from "../../actors/adapters/vm/process.ts";
import type { VmProvider, VmSpec } from "../../actors/adapters/vm/provider.ts";
import { filesOf, type VmFiles } from "../../actors/vm_files.ts";
import { call, createCall } from "../suites/vm_provider_bench.ts";
import { podmanAvailable, startPodmanService } from "../testing/podman_service.ts";
import { failsWith } from "../testing/vm_files_stage.ts";
import { bwrapUnavailable } from "./vm_bwrap_lab.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

type Made = AsyncDisposable & { files: VmFiles; run(...command: string[]): Promise<number | null> };

/** Makes a VM and takes it away in the end. */
async function make(provider: VmProvider, home: string, image: string | null): Promise<Made> {
  const spec: VmSpec = {
    vmId: `vm_${crypto.randomUUID().slice(0, 8)}`,
    generation: 1,
    image,
    source: null,
    resources: { cpus: null, memoryMiB: null, diskMiB: null },
    network: "none",
    env: {},
  };
  const handle = await provider.create(spec, createCall());
  return {
    files: filesOf({ provider, handle }, call()),
    run: async (...command) => (await provider.exec(handle, { command }, call())).exitCode,
    async [Symbol.asyncDispose]() {
      await provider.delete(spec.vmId, call());
      await Deno.remove(home, { recursive: true });
    },
  };
}

async function worksWithFiles({ files, run }: Made): Promise<void> {
  assertEquals((await files.write("a b/-\n", bytes("text"))).created, true);
  assertEquals((await files.read("a b/-\n", { offset: 1, limit: 2 })).data, bytes("ex"));
  const large = crypto.getRandomValues(new Uint8Array(60_000));
  const pieces = ReadableStream.from(Array.from({ length: 100 }, () => large));
  assertEquals((await files.write("large", pieces)).sizeBytes, 6_000_000);
  const { data } = await files.read("large");
  assertEquals([data.length, data.slice(-60_000)], [6_000_000, large]);
  assertEquals((await files.write("empty", bytes(""))).sizeBytes, 0);
  // It leads somewhere in the VM.
  assertEquals(await run("ln", "-s", "/etc", "out"), 0);
  await failsWith("outside", files.read("out/passwd"));
  await failsWith("outside", files.write("out/passwd", bytes("x")));
  await failsWith("not_found", files.read("none"));
  const broken = async function* () {
    yield large;
    await Promise.resolve();
    throw new Error("It broke off");
  };
  await assertRejects(
    () => files.write("empty", ReadableStream.from(broken())),
    Error,
    "broke off",
  );
  const { entries } = await files.list("");
  assertEquals(
    entries.map(({ name, type, sizeBytes }) => [name, type, type === "file" ? sizeBytes : 0]),
    [["a b", "directory", 0], ["empty", "file", 0], ["large", "file", 6_000_000], [
      "out",
      "link",
      0,
    ]],
  );
  if (await run("sh", "-c", "command -v git") !== 0) {
    await failsWith("no_git", files.changes());
    return;
  }
  await failsWith("no_repository", files.changes());
  assertEquals(await run("git", "init", "-q"), 0);
  const { changes } = await files.changes();
  assertEquals(changes.map(({ path }) => path), ["a b/-\n", "empty", "large", "out"]);
  const { patch } = await files.diff("a b");
  assert(new TextDecoder().decode(patch).includes("+text\n"));
}

Deno.test("process: its files are worked with", async () => {
  const home = await Deno.makeTempDir();
  await using vm = await make(createProcessProvider({ home, instance: home }), home, null);
  await worksWithFiles(vm);
});

const noBwrap = await bwrapUnavailable();
const bwrapTitle = noBwrap === undefined ? "bwrap" : `SKIPPED (${noBwrap}): bwrap`;

Deno.test(
  `${bwrapTitle}: its files are worked with`,
  { ignore: noBwrap !== undefined },
  async () => {
    const home = await Deno.makeTempDir();
    await using vm = await make(createBwrapProvider({ home, instance: "files" }), home, null);
    await worksWithFiles(vm);
  },
);

const noPodman = await podmanAvailable();
const dockerTitle = noPodman === undefined ? "docker" : `SKIPPED (${noPodman}): docker`;

Deno.test(
  `${dockerTitle}: its files are worked with`,
  { ignore: noPodman !== undefined },
  async () => {
    await using podman = await startPodmanService();
    const { socket, image } = podman;
    const home = await Deno.makeTempDir();
    const provider = createDockerProvider({ socket, home, instance: "files" });
    await using vm = await make(provider, home, image);
    await worksWithFiles(vm);
  },
);
