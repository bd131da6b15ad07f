/** What can be reached and read of a VM from outside: its ports, its use of the machine. */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import type { VmHandle } from "../../actors/adapters/vm/provider.ts";
import { eventually } from "../testing/processes.ts";
import { freePort } from "../testing/run_task.ts";
import { type Bench, call, type Cases, rejectsWith, sh, start } from "./vm_provider_bench.ts";

const MIB = 1024 * 1024;

export const reachCases: Cases = {
  "connect() reaches a server in the VM, and ports() lists it": connects,
  "connect() reaches no port of the host": confined,
  "stats() tells what the VM uses": measures,
  "available() says that it can run here, and which limits hold": available,
};

async function connects(bench: Bench): Promise<void> {
  const { provider, place } = bench;
  const vm = await bench.create();
  const port = freePort();
  await rejectsWith("port_closed", () => provider.connect(vm, port, call()));
  const serving = start(provider, vm, { command: place.httpServer(port) });
  await listens(bench, vm, port);
  for (let round = 0; round < 2; round++) assertStringIncludes(await get(bench, vm, port), "hello");
  // A connection that is dropped leaves nothing, and the server goes on.
  const dropped = await provider.connect(vm, port, call());
  await Promise.all([dropped.close(), dropped.readable.cancel(), dropped.writable.abort()]);
  assertStringIncludes(await get(bench, vm, port), "hello");
  await provider.delete(vm.vmId, call());
  await Promise.allSettled([serving.ended]);
}

async function confined({ provider, create }: Bench): Promise<void> {
  const vm = await create();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await rejectsWith("port_closed", () => provider.connect(vm, listener.addr.port, call()));
  const open = await provider.ports(vm, call());
  assertEquals(open.filter(({ port }) => port === listener.addr.port), []);
}

async function measures(bench: Bench): Promise<void> {
  const { provider } = bench;
  const vm = await bench.create();
  const before = await provider.stats(vm, call());
  const busy = start(provider, vm, {
    command: sh(`head -c ${4 * MIB} /dev/zero > file; echo on; while :; do :; done`),
  });
  await busy.shows("on\n");
  let now = await provider.stats(vm, call());
  if (now.cpuMs !== null) {
    await eventually(async () => {
      now = await provider.stats(vm, call());
      return (now.cpuMs ?? 0) > (before.cpuMs ?? 0) + 50;
    });
  }
  assertGreater(now.memoryBytes ?? 1, 0);
  if (now.processes !== null) assertGreater(now.processes, before.processes ?? 0);
  if (now.diskBytes !== null) assertGreater(now.diskBytes, (before.diskBytes ?? 0) + 3 * MIB);
  for (const value of Object.values(now)) assert(value === null || value >= 0);
  await provider.delete(vm.vmId, call());
  await Promise.allSettled([busy.ended]);
}

async function available({ provider }: Bench): Promise<void> {
  const { ok, reason, limits } = await provider.available();
  assertEquals([ok, reason], [true, null]);
  for (const [limit, { enforced, reason }] of Object.entries(limits)) {
    assert(enforced || reason !== null, `${limit} does not hold, and nobody says why`);
  }
}

async function listens({ provider }: Bench, vm: VmHandle, port: number): Promise<void> {
  await eventually(async () =>
    (await provider.ports(vm, call())).some((listening) => listening.port === port)
  );
}

/** One request, and all of the answer. */
async function get({ provider }: Bench, vm: VmHandle, port: number): Promise<string> {
  const connection = await provider.connect(vm, port, call());
  const writer = connection.writable.getWriter();
  const request = "GET / HTTP/1.1\r\nHost: vm\r\nConnection: close\r\n\r\n";
  await writer.write(new TextEncoder().encode(request));
  const answer = await new Response(connection.readable).text();
  await connection.close();
  await writer.abort();
  return answer;
}
