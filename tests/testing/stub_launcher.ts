/**
 * Launches the stub server as `scripts/start.ts` launches the real one; with `--watch=DIRECTORY`
 * anew whenever a file there changes.
 */
import { fileURLToPath } from "node:url";
import { launch } from "../../scripts/lib/launcher.ts";
import { relaunchOnChange } from "../../scripts/lib/relaunch.ts";

/** Time enough for a test to press twice. */
const ONE_PRESS_MS = 3_000;

const stub = fileURLToPath(import.meta.resolve("./stub_server.ts"));
const watched = Deno.args.find((arg) => arg.startsWith("--watch="))?.slice("--watch=".length);

const launchStub = (signal?: AbortSignal) =>
  launch(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-env=SECRET", stub],
    env: { SECRET: "" },
    handOver: { listen: "127.0.0.1:0" },
    withParent: Deno.args.includes("--with-parent"),
    withNpx: Deno.args.includes("--with-npx"),
    onePressMs: ONE_PRESS_MS,
    ...(signal === undefined ? {} : { signal }),
  });

Deno.exit(
  watched === undefined
    ? (await launchStub()).code
    : await relaunchOnChange([watched], (signal) => launchStub(signal)),
);
