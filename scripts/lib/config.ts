/**
 * The configuration: values laid over one another (defaults < holdfast.json < environment <
 * flags), checked, each with where it came from. Pure: reading files and the environment is
 * `read_config.ts`. It is JSON, so that it can be handed to the server process as it is.
 */
import { join, resolve } from "node:path";
import type { z } from "zod";
import { EXIT, ExitError } from "./exit_codes.ts";
import {
  CONFIG,
  type Config,
  defaults,
  type Host,
  LISTEN,
  type SettingName,
  settingNames,
  SETTINGS,
  shown,
} from "./settings.ts";

/** A configuration with the source of each value: `default`, a file, a variable or a flag. */
export type SourcedConfig = {
  config: Config;
  sources: { readonly [K in SettingName]: string };
};

/** Values that one place gives, under the names that this place has for them. */
export type Layer = { readonly [K in SettingName]?: { name: string; value: unknown } };

/** A setting's value cannot be used; the message names its source. */
export class ConfigError extends ExitError {
  override name = "ConfigError";
  constructor(message: string) {
    super(EXIT.config, message);
  }
}

/** Lays the layers over the defaults, later over earlier, and checks. Throws `ConfigError`. */
export function mergeConfig(layers: readonly Layer[], host: Host): SourcedConfig {
  const values: { [name: string]: unknown } = defaults(host);
  const sources = mapSettings(() => "default");
  for (const layer of layers) {
    for (const name of settingNames()) {
      const given = layer[name];
      if (given === undefined) continue;
      values[name] = given.value;
      sources[name] = given.name;
    }
  }
  const parsed = CONFIG.safeParse(values);
  if (!parsed.success) throw unusable(parsed.error, { values, sources });
  const config = complete(parsed.data, { host, urlGiven: sources.databaseUrl !== "default" });
  checkExposure(config, sources);
  return { config, sources };
}

/** Checks a whole configuration that another process hands over. Throws `ConfigError`. */
export function parseConfig(value: unknown): Config {
  const parsed = CONFIG.safeParse(value);
  if (parsed.success) return parsed.data;
  const paths = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
  throw new ConfigError(`Cannot use the configuration handed over: ${paths} cannot be used`);
}

/** Host name without brackets, and port. */
export function listenAddress(config: Config): { hostname: string; port: number } {
  const [, host = "", port = ""] = LISTEN.exec(config.listen) ?? [];
  return { hostname: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

/** The URL by which programs of this machine reach the server. */
export function serverUrl(config: Config): string {
  const { hostname, port } = listenAddress(config);
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[hostname] ?? hostname;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

/** Makes paths absolute, and the database's out of the home's. No link is left in the home's. */
function complete(config: Config, from: { host: Host; urlGiven: boolean }): Config {
  const { userHome, cwd, realPath = (path: string) => path } = from.host;
  const home = realPath(resolve(cwd, config.home.replace(/^~(?=\/|$)/, userHome)));
  const databaseUrl = from.urlGiven
    ? config.databaseUrl.replace(/^file:(?!\/)(.*)$/, (_, path) => `file:${resolve(cwd, path)}`)
    : `file:${join(home, "holdfast.db")}`;
  return { ...config, home, databaseUrl };
}

/** Whoever can reach the port can run commands here, so beyond this machine it takes a token. */
function checkExposure(config: Config, sources: SourcedConfig["sources"]): void {
  if (config.token !== null || isLoopback(listenAddress(config).hostname)) return;
  throw new ConfigError(
    `Cannot listen on ${config.listen} (${sources.listen}): other machines could run commands ` +
      "here; set HOLDFAST_TOKEN or listen on 127.0.0.1",
  );
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function unusable(
  error: z.ZodError,
  given: { values: { [name: string]: unknown }; sources: { readonly [name: string]: string } },
): ConfigError {
  const names = new Set(error.issues.map((issue) => String(issue.path[0])));
  const lines = settingNames().filter((name) => names.has(name)).map((name) => {
    const value = JSON.stringify(shown(name, given.values[name]));
    return `Cannot use ${given.sources[name]} ${value}: want ${SETTINGS[name].want}`;
  });
  return new ConfigError(lines.join("\n"));
}

function mapSettings<T>(value: (name: SettingName) => T): { [K in SettingName]: T } {
  const entries = settingNames().map((name) => [name, value(name)] as const);
  return Object.fromEntries(entries) as { [K in SettingName]: T };
}
