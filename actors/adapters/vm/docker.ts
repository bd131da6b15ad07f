/**
 * The `docker` provider: one container a VM, over the API of dockerd or podman on a unix socket.
 * This file is the life of a VM from top to bottom; what each step takes is in the files beside
 * it. Nothing but what may be forgotten is kept in memory: containers are found by their labels.
 *
 * The work directory lies on the host and is mounted, so that it outlives the daemon, and its
 * files are the server's own. The daemon must see the server's home under the same path.
 */
import { resolve } from "node:path";
import { z } from "zod";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import type { JsonObject } from "../../runtime/json.ts";
import {
  fillWorkspace,
  listVmDirectories,
  readMeta,
  removeVmDirectory,
  vmDirectory,
  type WorkspaceTools,
  workspaceTools,
  writeMeta,
} from "./directory.ts";
import type { Container } from "./docker_answers.ts";
import { createDockerApi } from "./docker_api.ts";
import { readAvailability, readInfo } from "./docker_availability.ts";
import type { Daemon } from "./docker_command.ts";
import {
  type Asked,
  containerName,
  createContainer,
  generationOf,
  handleOf,
  inspectContainer,
  listContainers,
  removeContainer,
  setPaused,
  startContainer,
} from "./docker_containers.ts";
import { runExec } from "./docker_exec.ts";
import { MAX_CREATE_ROUNDS } from "./docker_limits.ts";
import { listPorts, openPort } from "./docker_ports.ts";
import { createProcesses } from "./docker_processes.ts";
import { ensureImage } from "./docker_pull.ts";
import { readStats } from "./docker_stats.ts";
import { openTerminal } from "./docker_terminal.ts";
import {
  type CreateCall,
  ProviderError,
  type VmConditionType,
  type VmHandle,
  type VmProvider,
  type VmSighting,
  type VmSpec,
} from "./provider.ts";

const PROVIDER = "docker";

export type DockerProviderOptions = {
  /** The path of the daemon's unix socket. */
  socket: string;
  /** The data directory. */
  home: string;
  /** An id of the data directory, by which our containers are known from those of another. */
  instance: string;
  /** For VMs that name no image. */
  defaultImage?: string;
  clock?: Clock;
  /** How repositories are cloned; shared with what else clones them. */
  tools?: WorkspaceTools;
  /** Told of what went wrong without being the caller's failure. */
  warn?: (message: string, fields: JsonObject) => void;
};

/** Makes the provider; the daemon is asked for the first time when it is needed. */
export function createDockerProvider(options: DockerProviderOptions): VmProvider {
  const settings = complete(options);
  const { api, home, instance, warn, processes } = settings;
  const mine = (vm: VmHandle, action: string) => {
    if (vm.details["instance"] === instance) return { action: `${action} vm "${vm.vmId}"` };
    const reason = "it is a VM of another instance of Holdfast";
    throw new ProviderError("not_found", `Cannot ${action} vm "${vm.vmId}": ${reason}`);
  };
  return {
    name: PROVIDER,
    images: { default: settings.defaultImage },
    available: () => readAvailability(api),
    create: (spec, call) => createVm(spec, call, settings),
    suspend: async (vm, { signal }) =>
      await setPaused(api, vm, { paused: true, signal, ...mine(vm, "suspend") }),
    async resume(vm, { signal }) {
      await setPaused(api, vm, { paused: false, signal, ...mine(vm, "resume") });
      await processes.meet({ container: vm.providerId, vmId: vm.vmId }, signal);
    },
    delete: (vmId, { signal }) =>
      deleteVm(vmId, { action: `delete vm "${vmId}"`, signal }, settings),
    find: (vmId, signal) => findVm(vmId, { action: `find vm "${vmId}"`, signal }, settings),
    list: (signal) => listVms({ action: "list vms", signal }, settings),
    async exec(vm, request, { signal }) {
      mine(vm, "run a command in");
      return await runExec(settings, vm, { request, signal });
    },
    async terminal(vm, request, { signal }) {
      mine(vm, "open a terminal in");
      return await openTerminal(settings, vm, { request, signal });
    },
    async connect(vm, port, { signal }) {
      mine(vm, "connect to");
      return await openPort(settings, vm, { port, signal, warn });
    },
    ports: async (vm, { signal }) =>
      await listPorts(settings, vm, { signal, ...mine(vm, "list ports of") }),
    async stats(vm, { signal }) {
      const { workspace } = vmDirectory(home, vm.vmId);
      return await readStats(api, vm, { workspace, signal, ...mine(vm, "read statistics of") });
    },
  };
}

type Settings = Daemon & {
  home: string;
  instance: string;
  defaultImage: string | null;
  tools: WorkspaceTools;
  warn: (message: string, fields: JsonObject) => void;
};

function complete(options: DockerProviderOptions): Settings {
  const { socket, instance, clock = systemClock, warn = () => {} } = options;
  const home = resolve(options.home);
  const api = createDockerApi({ socket, clock });
  return {
    api,
    processes: createProcesses(api, { warn }),
    home,
    instance,
    defaultImage: options.defaultImage ?? null,
    tools: options.tools ?? workspaceTools({ home, instance, clock }),
    warn,
  };
}

/**
 * Image, then work directory, then container, then start: a container that is there means that
 * all before it was done, so that after a crash at any point the next attempt goes on from it.
 */
async function createVm(spec: VmSpec, call: CreateCall, settings: Settings): Promise<VmHandle> {
  const { api, processes } = settings;
  const asked = { action: `make vm "${spec.vmId}"`, signal: call.signal };
  // Throws where the id cannot be one.
  vmDirectory(settings.home, spec.vmId);
  const image = checkSpec(spec, asked.action, settings);
  const report = (type: VmConditionType, reason: string, message: string) =>
    call.report({ type, status: "true", reason, message, progress: 100 });
  const made = await ensureContainer(spec, image, { call, asked, settings });
  report("containerCreated", "Created", `Container ${made.Id.slice(0, 12)} is there`);
  const handle = handleOf({ ...spec, instance: settings.instance, providerId: made.Id });
  if (made.State.Paused || made.State.Status === "paused") {
    await setPaused(api, handle, { paused: false, ...asked });
  } else if (!made.State.Running) {
    await startContainer(api, made.Id, asked);
    processes.isNew(made.Id);
  }
  const started = await inspectContainer(api, made.Id, asked);
  if (started?.State.Running !== true) {
    const { ExitCode, Error: reason } = started?.State ?? { ExitCode: 0, Error: "it is gone" };
    throw new ProviderError(
      "failed",
      `Cannot ${asked.action}: its container does not run: ${reason || `exit code ${ExitCode}`}`,
    );
  }
  report("containerStarted", "Started", `Container ${made.Id.slice(0, 12)} runs`);
  report("ready", "Ready", "It takes commands");
  return handle;
}

/** The container of this generation: found, or made when all that it needs is there. */
async function ensureContainer(
  spec: VmSpec,
  image: string,
  { call, asked, settings }: { call: CreateCall; asked: Asked; settings: Settings },
): Promise<Container> {
  const { api, instance } = settings;
  const name = containerName(instance, spec.vmId);
  const present = await inspectContainer(api, name, asked);
  if (present !== undefined && isOf(present, spec)) return present;
  if (present !== undefined) await removeContainer(api, present.Id, asked);
  await ensureImage(api, image, { action: asked.action, ...call });
  const info = await readInfo(api, asked);
  const workspace = await ensureWorkspace(spec, call, settings);
  const { uid, gid } = await Deno.stat(workspace);
  const owner = { uid: uid ?? 0, gid: gid ?? 0 };
  for (let round = 1; round <= MAX_CREATE_ROUNDS; round++) {
    const options = { instance, image, workspace, owner, info };
    const outcome = await createContainer(api, spec, { ...options, ...asked });
    const found = await inspectContainer(api, name, asked);
    if (found !== undefined && isOf(found, spec)) return found;
    if (found !== undefined) await removeContainer(api, found.Id, asked);
    else if (outcome === "made") {
      throw new ProviderError(
        "failed",
        `Cannot ${asked.action}: docker said that it made a container, but there is none`,
      );
    }
  }
  throw new ProviderError(
    "failed",
    `Cannot ${asked.action}: the name ${name} is taken, and does not become free`,
  );
}

/** The work directory of this generation, whole; an older one's is removed first. */
async function ensureWorkspace(
  { vmId, generation, source }: VmSpec,
  call: CreateCall,
  { home, tools }: Settings,
): Promise<string> {
  const meta = parseMeta(await readMeta(home, vmId));
  if (meta?.generation !== generation) {
    await removeVmDirectory(home, vmId);
    await writeMeta(home, vmId, { provider: PROVIDER, generation });
  }
  const { workspace } = vmDirectory(home, vmId);
  await fillWorkspace(source, workspace, { ...call, tools });
  return workspace;
}

function isOf({ Config }: Container, { generation }: VmSpec): boolean {
  return generationOf(Config.Labels) === generation;
}

async function deleteVm(vmId: string, asked: Asked, settings: Settings): Promise<void> {
  const { api, instance, home, processes } = settings;
  for (const { handle } of await listContainers(api, { instance, vmId }, asked)) {
    await removeContainer(api, handle.providerId, asked);
    processes.forget(handle.providerId);
  }
  await removeVmDirectory(home, vmId);
}

/** All containers, and what a server has begun that died before it made one. */
async function listVms(asked: Asked, { api, home, instance }: Settings): Promise<VmSighting[]> {
  const found = await listContainers(api, { instance }, asked);
  const known = new Set(found.map(({ vmId }) => vmId));
  for (const vmId of await listVmDirectories(home)) {
    const meta = known.has(vmId) ? undefined : parseMeta(await readMeta(home, vmId));
    if (meta === undefined) continue;
    const { generation } = meta;
    const handle = handleOf({
      vmId,
      generation,
      instance,
      providerId: containerName(instance, vmId),
    });
    found.push({ vmId, generation, state: "stopped", handle });
  }
  return found;
}

/** The VM as it is. What an earlier server left running in it is ended: nobody waits for it. */
async function findVm(
  vmId: string,
  asked: Asked,
  { api, instance, processes }: Settings,
): Promise<VmSighting | undefined> {
  const found = await listContainers(api, { instance, vmId }, asked);
  const [newest] = found.sort((left, right) => right.generation - left.generation);
  if (newest?.state === "running") {
    await processes.meet({ container: newest.handle.providerId, vmId }, asked.signal);
  }
  return newest;
}

/** What is written down of a directory of ours; of another provider's it is undefined. */
function parseMeta(meta: unknown): { generation: number } | undefined {
  const parsed = metaSchema.safeParse(meta);
  return parsed.success ? parsed.data : undefined;
}

const metaSchema = z.object({ provider: z.literal(PROVIDER), generation: z.number().int() });

/** The image to use. */
function checkSpec(
  { image, env }: VmSpec,
  action: string,
  { defaultImage, home }: Settings,
): string {
  const refuse = (reason: string) => new ProviderError("invalid", `Cannot ${action}: ${reason}`);
  if (home.includes(":")) throw refuse(`docker mounts no path with a colon: ${home}`);
  const wrong = Object.keys(env).find((name) => name === "" || /[=\0]/.test(name));
  if (wrong !== undefined) throw refuse(`"${wrong}" is no name of a variable`);
  const chosen = image ?? defaultImage;
  if (chosen === null || chosen === "") throw refuse("it needs an image, and there is no default");
  return chosen;
}
