import { assertEquals } from "@std/assert";
import { dirname } from "node:path";
import { createBwrapProvider } from "../../actors/adapters/vm/bwrap.ts";
import { vmProviderSuite } from "../suites/vm_provider_suite.ts";
import { bwrapUnavailable, groupsNamed, instanceOf } from "./vm_bwrap_lab.ts";

const HTTP_SERVER = `Deno.serve({ port: Number(PORT) }, () => new Response("hello"))`;

const unavailable = await bwrapUnavailable();
// VMs see the system's programs alone, and Deno may be installed anywhere.
const deno = await Deno.realPath(Deno.execPath());
const readOnlyPaths = [dirname(deno)];

vmProviderSuite("bwrap", async () => {
  const home = await Deno.makeTempDir({ prefix: "holdfast_bwrap_" });
  const elsewhere = await Deno.makeTempDir({ prefix: "holdfast_bwrap_" });
  const providerAt = (home: string) =>
    createBwrapProvider({ home, instance: instanceOf(home), readOnlyPaths });
  return {
    home,
    provider: () => providerAt(home),
    stranger: () => providerAt(elsewhere),
    httpServer: (port) => [deno, "eval", HTTP_SERVER.replace("PORT", String(port))],
    leftovers: groupsNamed,
    async [Symbol.asyncDispose]() {
      for (const path of [home, elsewhere]) await Deno.remove(path, { recursive: true });
    },
  };
}, { skip: unavailable ?? null });

Deno.test({
  name: "a bwrap provider that tries itself out neither lists nor leaves what it tries" +
    (unavailable === undefined ? "" : ` (skipped: ${unavailable})`),
  ignore: unavailable !== undefined,
  async fn() {
    const home = await Deno.makeTempDir();
    try {
      // Tries that were cut off, before anything was recorded and while it was removed.
      for (const left of ["probe-1", ".removed.probe-2"]) {
        await Deno.mkdir(`${home}/vms/${left}`, { recursive: true });
      }
      const provider = createBwrapProvider({ home, instance: instanceOf(home) });
      let isOver = false;
      const { signal } = new AbortController();
      const trying = provider.available().finally(() => isOver = true);
      const listed: string[] = [];
      while (!isOver) listed.push(...(await provider.list(signal)).map(({ vmId }) => vmId));
      assertEquals([(await trying).ok, listed], [true, []]);
      assertEquals(await Array.fromAsync(Deno.readDir(`${home}/vms`)), []);
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  },
});
