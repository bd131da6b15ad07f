/** Launches the stub server as `scripts/start.ts` launches the real one. */
import { fileURLToPath } from "node:url";
import { launch } from "../../scripts/lib/launcher.ts";

const stub = fileURLToPath(import.meta.resolve("./stub_server.ts"));
const code = await launch(Deno.execPath(), {
  args: ["run", "--no-prompt", "--allow-env=SECRET", stub],
  env: { SECRET: "" },
  handOver: { listen: "127.0.0.1:0" },
  withParent: Deno.args.includes("--with-parent"),
});
Deno.exit(code);
