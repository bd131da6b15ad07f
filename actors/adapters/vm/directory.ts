/**
 * What a VM has on the host's disk: a directory below the data directory with the VM's work
 * directory and what its provider wrote down about it. A kill -9 at any moment leaves a state that
 * the same call takes up again.
 */
import { dirname, join, resolve } from "node:path";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { gitEnvironment, markersOf } from "../executor/environment.ts";
import { ExecutorError } from "../executor/executor.ts";
import { absent, exists, removeIfThere } from "../executor/files.ts";
import { createGit } from "../executor/git.ts";
import { createMutex, type Mutex } from "../executor/mutex.ts";
import { processTable } from "../executor/process_table.ts";
import { createRedactor } from "../redact.ts";
import { clone } from "./clone.ts";
import { ownScript } from "./host_script.ts";
import { type CreateCall, ProviderError } from "./provider.ts";
import { MAX_VM_ID_CHARS } from "./vm_limits.ts";
import type { WorkspaceSource } from "./workspace_source.ts";

/** Where a VM's things lie. */
export type VmDirectory = {
  root: string;
  /** The work directory. */
  workspace: string;
  /** What the provider knows of the VM. */
  meta: string;
};

/** Throws `ProviderError("invalid")` for an id that is none: it might lead out of the home. */
export function vmDirectory(home: string, vmId: string): VmDirectory {
  const root = join(vmsOf(home), checkedId(vmId));
  return { root, workspace: join(root, "workspace"), meta: join(root, "meta.json") };
}

/** Ids of all VMs that have a directory, whoever made it. */
export async function listVmDirectories(home: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(vmsOf(home)));
    return entries.filter(({ isDirectory, name }) => isDirectory && ID.test(name))
      .map(({ name }) => name).sort();
  } catch (error) {
    return absent(error) ?? [];
  }
}

/** Ids of VMs of whose directory something is left since its removal was cut off, or goes on. */
export async function listHalfRemoved(home: string): Promise<string[]> {
  try {
    const names = (await Array.fromAsync(Deno.readDir(vmsOf(home)))).map(({ name }) => name);
    return names.filter((name) => name.startsWith(REMOVED)).map((name) =>
      name.slice(REMOVED.length)
    );
  } catch (error) {
    return absent(error) ?? [];
  }
}

/** Writes it whole or not at all; makes the directory. Only the server's user can read it. */
export async function writeMeta(home: string, vmId: string, meta: JsonObject): Promise<void> {
  const { root, meta: path } = vmDirectory(home, vmId);
  await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  const partial = `${path}.partial`;
  await Deno.writeTextFile(partial, JSON.stringify(meta), { mode: 0o600 });
  using file = await Deno.open(partial, { write: true });
  await file.sync();
  await Deno.rename(partial, path);
}

/** What was written last; undefined where there is none. */
export async function readMeta(home: string, vmId: string): Promise<unknown> {
  const text = await Deno.readTextFile(vmDirectory(home, vmId).meta).catch(absent);
  return text === undefined ? undefined : JSON.parse(text);
}

/** Removes all that a VM has here. Nothing may be at work in it any more. */
export async function removeVmDirectory(home: string, vmId: string): Promise<void> {
  const { root } = vmDirectory(home, vmId);
  // What is half removed must not look like a VM.
  const removed = join(vmsOf(home), `${REMOVED}${vmId}`);
  await removeTree(removed);
  // Two may remove it at once: one of them finds it gone.
  await Deno.rename(root, removed).catch(absent);
  await removeTree(removed);
}

/** Removes what removals that were cut off have left; returns of how many VMs. */
export async function removeHalfRemoved(home: string): Promise<number> {
  const left = await listHalfRemoved(home);
  for (const vmId of left) await removeTree(join(vmsOf(home), `${REMOVED}${vmId}`));
  return left.length;
}

/** What filling a work directory takes, besides the call. */
export type WorkspaceTools = {
  /** The data directory, and the id by which its processes are known. */
  home: string;
  instance: string;
  /** Taken while a mirror of a repository is worked on; shared with the executors. */
  mutex: Mutex;
  /** Variables of the server that git gets, besides the usual ones. */
  passEnv: readonly string[];
  readEnv: (name: string) => string | undefined;
  /** Takes secrets out of git's messages. */
  redact: (text: string) => string;
  clock: Clock;
  /** When the server began: what is older was left by another. */
  bornAt: number;
};

/** Made once for each provider; only `home` and `instance` have no default. */
export function workspaceTools(
  options: Pick<WorkspaceTools, "home" | "instance"> & Partial<WorkspaceTools>,
): WorkspaceTools {
  const clock = options.clock ?? systemClock;
  return {
    mutex: createMutex(),
    passEnv: [],
    readEnv: (name) => Deno.env.get(name),
    redact: createRedactor({ values: [] }),
    bornAt: clock.now(),
    ...options,
    clock,
    home: resolve(options.home),
  };
}

/**
 * Makes the work directory at `target`, by cloning where there is a source. It appears whole, and
 * what stands there already is left alone. Throws `ProviderError`: `invalid` for what can never be
 * cloned, `unreachable` where the repository does not answer.
 */
export async function fillWorkspace(
  source: WorkspaceSource | null,
  target: string,
  { tools, key, signal, report }: CreateCall & { tools: WorkspaceTools },
): Promise<void> {
  signal.throwIfAborted();
  const told = { type: "projectCloned", progress: 100 } as const;
  const done = { ...told, status: "true", reason: "Cloned", message: "" } as const;
  if (await exists(target)) {
    if (source !== null) report(done);
    return;
  }
  const partial = `${target}.partial`;
  await removeTree(partial);
  if (source === null) {
    await Deno.mkdir(partial, { recursive: true });
    return await Deno.rename(partial, target);
  }
  report({ ...told, status: "inProgress", reason: "Cloning", message: "", progress: 0 });
  try {
    await Deno.mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await clone(source, partial, repositoryTools(tools, { key, signal }));
    await Deno.rename(partial, target);
  } catch (error) {
    await removeTree(partial);
    signal.throwIfAborted();
    if (!(error instanceof ExecutorError)) throw error;
    const message = tools.redact(error.message);
    report({ ...told, status: "false", reason: "CloneFailed", message });
    const code = error.code === "network" ? "unreachable" : "invalid";
    throw new ProviderError(code, message, { cause: error });
  }
  report(done);
}

const REMOVED = ".removed.";
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

function checkedId(vmId: string): string {
  if (ID.test(vmId) && vmId.length <= MAX_VM_ID_CHARS) return vmId;
  throw new ProviderError(
    "invalid",
    `Cannot use vm id "${vmId}": want at most ${MAX_VM_ID_CHARS} letters, digits, - and _`,
  );
}

function vmsOf(home: string): string {
  return join(resolve(home), "vms");
}

function repositoryTools(
  { home, instance, mutex, passEnv, readEnv, redact, clock, bornAt }: WorkspaceTools,
  { key, signal }: { key: string; signal: AbortSignal },
) {
  const env = gitEnvironment(markersOf(instance, key), { passEnv, allowedEnv: [], readEnv });
  const git = createGit({ env, signal, table: processTable(), clock });
  return { repos: join(home, "repos"), git, mutex, signal, redact, now: () => clock.now(), bornAt };
}

/** Removes a tree, one too whose directories somebody has made read-only. */
async function removeTree(path: string): Promise<void> {
  try {
    await removeIfThere(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    const script = 'chmod -R u+rwX -- "$1"';
    await ownScript(script, [path], { cannot: `Cannot remove ${path}`, signal: null });
    await removeIfThere(path);
  }
}
