/** The edge with VMs over real sockets; the VMs are directories and processes of this machine. */
import { createProcessProvider } from "../../actors/adapters/vm/process.ts";
import type { VmConnection, VmProvider } from "../../actors/adapters/vm/provider.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import type { System } from "../../actors/runtime/api.ts";
import { systemClock } from "../../actors/runtime/clock.ts";
import { createSystem } from "../../actors/runtime/system.ts";
import { openMemoryStore } from "../../actors/store/memory.ts";
import { createVmKind } from "../../actors/vm.ts";
import { createVmAccess } from "../../actors/vm_access.ts";
import { createApp } from "../../routes/app.ts";
import type { AppConfig } from "../../routes/config.ts";
import { plainEnv } from "../testing/plain_env.ts";

/** A server on a port of its own. */
export type VmEdge = AsyncDisposable & {
  system: System;
  provider: VmProvider;
  url: string;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Makes a VM that runs, and returns its id. */
  vm(input?: object): Promise<string>;
  /** Where the files of a VM lie on this machine. */
  workDir(vm: string): string;
  /** Lets go of all when the system has stopped already. */
  abandon(): Promise<void>;
};

export async function openVmEdge(config: Partial<AppConfig> = {}): Promise<VmEdge> {
  const home = await Deno.makeTempDir();
  const { provider, closeAll } = tracked(
    createProcessProvider({ home, instance: home, readEnv: plainEnv }),
  );
  const providers = new VmProviders([provider]);
  const system = createSystem({ store: openMemoryStore(), kinds: [createVmKind({ providers })] });
  await system.start();
  const clock = systemClock;
  const vms = createVmAccess({ system, providers, clock, log: () => {} });
  const app = createApp(system, { vms, clock, ...config });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  const url = `http://127.0.0.1:${server.addr.port}`;
  const authorization = config.token === undefined ? {} : {
    authorization: `Bearer ${config.token}`,
  };
  const call = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init);
  let made = 0;
  return {
    system,
    provider,
    url,
    fetch: call,
    workDir: (vm) => `${home}/vms/${vm}/workspace`,
    vm: async (input = {}) => {
      const id = `vm_${++made}`;
      const createdAt = clock.now();
      await system.spawn("vm", id, { id, provider: provider.name, createdAt, ...input });
      await system.waitFor(`vm:${id}`, ({ state }) => state === "running", { timeoutMs: 60_000 });
      return id;
    },
    async abandon() {
      await server.shutdown();
      await closeAll();
      await Deno.remove(home, { recursive: true });
    },
    async [Symbol.asyncDispose]() {
      for (let i = 1; i <= made; i++) {
        await closeTerminals(`${url}/v1/vms/vm_${i}/terminals`, authorization);
        await recycle(system, `vm:vm_${i}`);
      }
      await server.shutdown();
      await system.stop({ drainMs: 5_000 });
      await closeAll();
      await Deno.remove(home, { recursive: true });
    },
  };
}

/** A provider whose connections can be waited for: they end a moment after their VM. */
function tracked(provider: VmProvider): { provider: VmProvider; closeAll(): Promise<void> } {
  const opened: VmConnection[] = [];
  return {
    provider: {
      ...provider,
      async connect(...asked) {
        const connection = await provider.connect(...asked);
        opened.push(connection);
        return connection;
      },
    },
    async closeAll() {
      await Promise.all(opened.map((connection) => connection.close()));
    },
  };
}

async function recycle(system: System, address: string): Promise<void> {
  const { state } = await system.get(address);
  if (state !== "recycled" && state !== "recycling") {
    await system.send(address, { type: "vm.recycle" });
  }
  await system.waitFor(address, ({ status }) => status !== "active", { timeoutMs: 60_000 });
}

/** And waits until their programs have ended. */
async function closeTerminals(list: string, headers: Record<string, string>): Promise<void> {
  const { items } = await (await fetch(list, { headers })).json();
  for (const { id } of items) {
    const response = await fetch(`${list}/${id}`, { method: "DELETE", headers });
    await response.body?.cancel();
  }
}
