/**
 * `deno task start`: reads the configuration, works out the least permissions that it needs, and
 * runs the server (`serve.ts`) with those, as a process of its own. This process opens no socket
 * and reads no data; it only watches over the server.
 */
import { fileURLToPath } from "node:url";
import { runScript } from "./lib/args.ts";
import type { SourcedConfig } from "./lib/config.ts";
import { EXIT } from "./lib/exit_codes.ts";
import { launch, type Launched } from "./lib/launcher.ts";
import { createOutput } from "./lib/output.ts";
import { libsqlDirectory, serverPermissions } from "./lib/permissions.ts";
import { readConfig, SETTING_OPTIONS } from "./lib/read_config.ts";
import { relaunchOnChange } from "./lib/relaunch.ts";
import { type Config, settingNames, SETTINGS, shown } from "./lib/settings.ts";

const SPEC = {
  name: "start",
  summary: "Starts the server. Settings: defaults < holdfast.json < environment < options.",
  options: {
    ...SETTING_OPTIONS,
    "print-config": { type: "boolean", help: "Print every setting and its source, and end" },
    "with-parent": { type: "boolean", help: "Stop when the process that started this one ends" },
    watch: { type: "boolean", help: "Start anew whenever the code changes" },
  },
  exitCodes: {
    [EXIT.unavailable]: "The address is taken, or is none of this machine's",
    [EXIT.fatal]: "The database cannot be trusted any more, or was taken over; start it again",
    [EXIT.held]: "Another process holds the database",
    [EXIT.config]: "A setting cannot be used",
  },
  examples: [
    "deno task start",
    "deno task start --listen 127.0.0.1:8080 --home ./data",
    "deno task start --print-config --json",
  ],
} as const;

/** What the server is made of. */
const WATCHED = ["../actors", "../machines", "../routes", "../scripts"];

if (import.meta.main) {
  await runScript(SPEC, ({ options }) => {
    const sourced = readConfig(options);
    if (options["print-config"]) return printConfig(sourced, options);
    if (options.watch) {
      // Whatever runs is taken up again, so that a change need not wait for it.
      const config = { ...sourced.config, drainMs: 0 };
      return relaunchOnChange(
        WATCHED.map(pathOf),
        (signal) => startServer(config, { ...options, signal }),
      );
    }
    return startServer(sourced.config, options).then(({ code }) => code);
  });
}

function startServer(
  config: Config,
  options: { "with-parent": boolean; signal?: AbortSignal },
): Promise<Launched> {
  const { signal } = options;
  return launch(Deno.execPath(), {
    args: serverArguments(config),
    env: withoutSecrets(),
    handOver: config,
    withParent: options["with-parent"],
    withNpx: options["with-parent"] && Deno.env.get("npm_lifecycle_event") === "npx",
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The whole command line of the server, after the name of the program. */
function serverArguments(config: Config): string[] {
  const libsqlDir = libsqlDirectory(import.meta.resolve("@libsql/client"));
  return [
    "run",
    // Progress of a first download is for people.
    ...(Deno.stderr.isTerminal() ? [] : ["--quiet"]),
    "--no-prompt",
    "--frozen",
    "--deny-import",
    // A request's signal then says that its caller is gone, and nothing else.
    "--unstable-no-legacy-abort",
    `--config=${pathOf("../deno.json")}`,
    ...serverPermissions(config, { libsqlDir }),
    pathOf("./serve.ts"),
  ];
}

/** The server is handed its secrets; in its environment its tasks could find them. */
function withoutSecrets(): { [name: string]: string } {
  const secrets = settingNames().map((name) => SETTINGS[name]).filter((setting) => setting.secret);
  return Object.fromEntries(secrets.map(({ env }) => [env, ""]));
}

function printConfig(
  { config, sources }: SourcedConfig,
  options: { json: boolean; quiet: boolean },
) {
  const rows = settingNames().map((name) => ({
    name,
    value: shown(name, config[name]),
    source: sources[name],
    env: SETTINGS[name].env,
  }));
  createOutput(options).table(rows, [
    { title: "SETTING", value: (row) => row.name },
    { title: "VALUE", value: (row) => row.value === null ? null : String(row.value) },
    { title: "SOURCE", value: (row) => row.source },
    { title: "VARIABLE", value: (row) => row.env },
  ]);
}

function pathOf(relative: string): string {
  return fileURLToPath(import.meta.resolve(relative));
}
