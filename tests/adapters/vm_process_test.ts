import { createProcessProvider } from "../../actors/adapters/vm/process.ts";
import { vmProviderSuite } from "../suites/vm_provider_suite.ts";

const HTTP_SERVER = `Deno.serve({ port: Number(PORT) }, () => new Response("hello"))`;

vmProviderSuite("process", async () => {
  const home = await Deno.makeTempDir();
  const elsewhere = await Deno.makeTempDir();
  return {
    home,
    provider: () => createProcessProvider({ home, instance: home }),
    stranger: () => createProcessProvider({ home: elsewhere, instance: elsewhere }),
    httpServer: (port) => [Deno.execPath(), "eval", HTTP_SERVER.replace("PORT", String(port))],
    async [Symbol.asyncDispose]() {
      for (const path of [home, elsewhere]) await Deno.remove(path, { recursive: true });
    },
  };
});
