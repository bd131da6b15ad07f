/** A new VM from the options of `deno task vm create`, as the server takes it. */
import { UsageError } from "./args.ts";
import { parseDuration } from "./durations.ts";
import { parseMoment } from "./moments.ts";
import { pairs } from "./pairs.ts";

export const NEW_VM_OPTIONS = {
  provider: { type: "string", value: "NAME", help: "Who makes it: see deno task vm providers" },
  image: { type: "string", value: "NAME", help: "Image to make it of, where its provider has any" },
  repo: { type: "string", value: "URL", help: "Repository that is checked out in it" },
  ref: { type: "string", value: "REF", help: "Branch, tag or commit of the repository" },
  workspace: { type: "string", value: "NAME", help: "Take the defaults of this workspace" },
  title: { type: "string", value: "TEXT", help: "What people call it" },
  cpus: { type: "string", value: "N", help: "Cores at most, such as 1.5" },
  memory: { type: "string", value: "SIZE", help: "Memory at most, such as 512M or 2G" },
  disk: { type: "string", value: "SIZE", help: "Disk at most" },
  network: {
    type: "string",
    value: "HOW",
    help: "none, or full: what the server's machine reaches",
  },
  sleep: { type: "string", value: "TIME", help: "Sleep after so long without use: 10m, or never" },
  recycle: { type: "string", value: "TIME", help: "Recycle after so long: 7d, or never" },
  "notify-before": { type: "string", value: "TIME", help: "Tell its users before that: 1h, never" },
  "expire-at": { type: "string", value: "WHEN", help: "Recycle at this time or after so long: 8h" },
  env: { type: "string", value: "NAME=VALUE", multiple: true, help: "Variable for its commands" },
  label: { type: "string", value: "NAME=VALUE", multiple: true, help: "To find it by" },
} as const;

type Options =
  & { [K in Exclude<keyof typeof NEW_VM_OPTIONS, "env" | "label">]: string | undefined }
  & { env: readonly string[]; label: readonly string[] };

const MIB: { readonly [unit: string]: number } = { M: 1, G: 1_024, T: 1_024 * 1_024 };

/** The body of `POST /v1/vms`. `now` is ms since the epoch. Throws `UsageError`. */
export function newVm(options: Options, now: number): { [field: string]: unknown } {
  const { provider, image, repo, ref, workspace, title, network } = options;
  if (ref !== undefined && repo === undefined) {
    throw new UsageError(`Cannot use --ref "${ref}": want --repo with it`);
  }
  return {
    provider,
    image,
    repo,
    ref,
    workspace,
    title,
    network,
    resources: orNothing({
      cpus: read(options.cpus, (text) => parseCpus(text)),
      memoryMiB: read(options.memory, (text) => parseSize(text, "--memory")),
      diskMiB: read(options.disk, (text) => parseSize(text, "--disk")),
    }),
    idle: orNothing({
      sleepMs: read(options.sleep, (text) => parseSpan(text, "--sleep")),
      recycleMs: read(options.recycle, (text) => parseSpan(text, "--recycle")),
      notifyBeforeMs: read(
        options["notify-before"],
        (text) => parseSpan(text, "--notify-before"),
      ),
    }),
    expireAt: read(options["expire-at"], (text) => parseMoment(text, "--expire-at", now)),
    env: pairs(options.env, "--env"),
    labels: pairs(options.label, "--label"),
  };
}

function read<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}

/** An object in which nothing is given is not sent. */
function orNothing<T extends object>(fields: T): T | undefined {
  return Object.values(fields).every((value) => value === undefined) ? undefined : fields;
}

function parseCpus(text: string): number {
  const cpus = Number(text);
  if (/^\d{1,4}(\.\d{1,3})?$/.test(text) && cpus > 0) return cpus;
  throw new UsageError(`Cannot use --cpus "${text}": want a number such as 2 or 0.5`);
}

/** In MiB. */
function parseSize(text: string, name: string): number {
  const [, digits, unit = ""] = /^(\d{1,7})([MGT])(?:i?B)?$/.exec(text) ?? [];
  const size = Number(digits) * (MIB[unit] ?? NaN);
  if (size > 0) return size;
  throw new UsageError(`Cannot use ${name} "${text}": want a size such as 512M or 2G`);
}

/** In ms; null turns the timer off. */
function parseSpan(text: string, name: string): number | null {
  return text === "never" ? null : parseDuration(text, name);
}
