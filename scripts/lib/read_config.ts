/**
 * Reads the configuration from where it is kept: holdfast.json (in the working directory, or the
 * file that `HOLDFAST_CONFIG` names), the environment and a script's flags.
 */
import { basename, dirname, join } from "node:path";
import type { OptionSpec } from "./args.ts";
import { ConfigError, type Layer, mergeConfig, type SourcedConfig } from "./config.ts";
import { type SettingName, settingNames, SETTINGS } from "./settings.ts";

const DEFAULT_FILE = "holdfast.json";

/** A flag for each setting that is no secret: `--max-concurrent-tasks`. */
export const SETTING_OPTIONS: { readonly [flag: string]: OptionSpec } = Object.fromEntries(
  settingNames().filter((name) => !SETTINGS[name].secret).map((name) => [kebab(name), {
    type: "string",
    value: "VALUE",
    help: `${SETTINGS[name].help} (${SETTINGS[name].env})`,
  }]),
);

/** Reads all sources. Throws `ConfigError`, which names the source and the value. */
export function readConfig(flags: { readonly [flag: string]: unknown } = {}): SourcedConfig {
  const named = Deno.env.get("HOLDFAST_CONFIG") || undefined;
  const path = named ?? DEFAULT_FILE;
  const text = readFile(path, { mustExist: named !== undefined });
  return mergeConfig([
    text === undefined ? {} : fileLayer(path, text),
    environmentLayer((name) => Deno.env.get(name)),
    flagLayer(flags),
  ], {
    userHome: Deno.env.get("HOME") ?? Deno.cwd(),
    cwd: Deno.cwd(),
    cores: navigator.hardwareConcurrency,
    realPath,
  });
}

/** The values in a configuration file. Throws `ConfigError`. */
export function fileLayer(path: string, text: string): Layer {
  const known: readonly string[] = settingNames();
  const layer: { [name: string]: { name: string; value: unknown } } = {};
  for (const [name, value] of Object.entries(parseObject(path, text))) {
    if (!known.includes(name)) {
      throw new ConfigError(`Cannot use ${path} "${name}": want one of ${known.join(", ")}`);
    }
    layer[name] = { name: `${path} "${name}"`, value };
  }
  return layer;
}

/** The values in the environment; an empty one counts as not given. */
export function environmentLayer(read: (name: string) => string | undefined): Layer {
  return layerOf((name) => SETTINGS[name].env, (name) => read(SETTINGS[name].env) || undefined);
}

/** The values that flags give. */
export function flagLayer(flags: { readonly [flag: string]: unknown }): Layer {
  return layerOf((name) => `--${kebab(name)}`, (name) => flags[kebab(name)]);
}

function layerOf(
  label: (name: SettingName) => string,
  read: (name: SettingName) => unknown,
): Layer {
  return Object.fromEntries(
    settingNames().flatMap((name) => {
      const value = read(name);
      return value === undefined ? [] : [[name, { name: label(name), value }]];
    }),
  );
}

/** Follows the links in what there is of a path. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    const parent = dirname(path);
    if (!(error instanceof Deno.errors.NotFound) || parent === path) return path;
    return join(realPath(parent), basename(path));
  }
}

function readFile(path: string, { mustExist }: { mustExist: boolean }): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && !mustExist) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`Cannot read configuration ${path}: ${reason}`);
  }
}

function parseObject(path: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`Cannot read configuration ${path}: ${reason}`);
  }
  throw new ConfigError(`Cannot read configuration ${path}: want a JSON object`);
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
