import { dirname } from "node:path";
import { createBwrapProvider } from "../../actors/adapters/vm/bwrap.ts";
import { vmProviderSuite } from "../suites/vm_provider_suite.ts";
import { bwrapUnavailable, groupsNamed, instanceOf } from "./vm_bwrap_lab.ts";

const HTTP_SERVER = `Deno.serve({ port: Number(PORT) }, () => new Response("hello"))`;

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
}, { skip: await bwrapUnavailable() ?? null });
