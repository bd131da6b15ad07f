/**
 * The containers of VMs: what they are made of, how they are found again by their labels, and
 * how they are removed.
 */
import { sleep } from "../executor/waiting.ts";
import { type Container, containerSchema, containersSchema, type Info } from "./docker_answers.ts";
import { type Answer, check, type DockerApi, parse, reasonOf, refused } from "./docker_api.ts";
import {
  LIFECYCLE_MS,
  MAX_REMOVAL_POLLS,
  PAUSE_TRIES,
  PROCESS_LIMIT,
  REMOVAL_POLL_MS,
} from "./docker_limits.ts";
import { ProviderError, type VmHandle, type VmSighting, type VmSpec } from "./provider.ts";

/** Where the repository lies in the VM. */
export const WORK_DIR = "/workspace";

const INSTANCE_LABEL = "holdfast.instance";
const VM_LABEL = "holdfast.vm";
const GENERATION_LABEL = "holdfast.generation";

/** What a request is for, and who may end it. */
export type Asked = { action: string; signal: AbortSignal };

/** The name that no two containers have. */
export function containerName(instance: string, vmId: string): string {
  return `holdfast-${instance}-${vmId}`;
}

/** The container of that id or name; undefined where there is none. */
export async function inspectContainer(
  api: DockerApi,
  container: string,
  { action, signal }: Asked,
): Promise<Container | undefined> {
  const answer = await api.send("GET", pathOf(container, "/json"), { action, signal });
  return answer.status === 404 ? undefined : parse(containerSchema, answer, action);
}

/** The VMs of an instance that have a container, or the one of that id. */
export async function listContainers(
  api: DockerApi,
  { instance, vmId }: { instance: string; vmId?: string },
  { action, signal }: Asked,
): Promise<VmSighting[]> {
  const label = [
    `${INSTANCE_LABEL}=${instance}`,
    ...(vmId === undefined ? [] : [`${VM_LABEL}=${vmId}`]),
  ];
  const answer = await api.send("GET", "/containers/json", {
    action,
    signal,
    query: { all: true, filters: JSON.stringify({ label }) },
  });
  return parse(containersSchema, answer, action).flatMap(({ Id, State, Labels }) => {
    const found = Labels[VM_LABEL];
    const generation = generationOf(Labels);
    const state = stateOf(State);
    // A daemon that knows no filters would show everybody's.
    if (Labels[INSTANCE_LABEL] !== instance || found === undefined) return [];
    if (generation === undefined || state === undefined) return [];
    if (vmId !== undefined && found !== vmId) return [];
    const handle = handleOf({ vmId: found, generation, instance, providerId: Id });
    return [{ vmId: found, generation, state, handle }];
  });
}

export function handleOf(
  { vmId, generation, instance, providerId }: {
    vmId: string;
    generation: number;
    instance: string;
    providerId: string;
  },
): VmHandle {
  return { vmId, generation, providerId, workDir: WORK_DIR, details: { instance } };
}

/** The generation that a container was made for. */
export function generationOf(labels: Readonly<Record<string, string>>): number | undefined {
  const text = labels[GENERATION_LABEL] ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export type ContainerOptions = {
  instance: string;
  image: string;
  /** On the host. */
  workspace: string;
  /** Whose files the workspace's are, so that the server can remove what the VM makes. */
  owner: { uid: number; gid: number };
  info: Info;
};

/** Makes a container; `conflict` where its name is taken. */
export async function createContainer(
  api: DockerApi,
  spec: VmSpec,
  { action, signal, ...options }: ContainerOptions & Asked,
): Promise<"made" | "conflict"> {
  const answer = await api.send("POST", "/containers/create", {
    action,
    signal,
    limitMs: LIFECYCLE_MS,
    query: { name: containerName(options.instance, spec.vmId) },
    body: containerBody(spec, options),
  });
  if (isNameConflict(answer)) return "conflict";
  if (answer.status === 404) {
    // The image was there a moment ago.
    throw new ProviderError("failed", `Cannot ${action}: ${reasonOf(answer)}`);
  }
  check(answer, action);
  return "made";
}

/** Podman says 500, Docker 409. */
export function isNameConflict(answer: Answer): boolean {
  return answer.status === 409 ||
    (answer.status >= 400 && /\bname\b.*\balready in use\b/i.test(reasonOf(answer)));
}

/** Removes a container with its volumes, whatever it does. What is gone is removed. */
export async function removeContainer(
  api: DockerApi,
  container: string,
  asked: Asked,
): Promise<void> {
  const { action, signal } = asked;
  const answer = await api.send("DELETE", pathOf(container, ""), {
    action,
    signal,
    limitMs: LIFECYCLE_MS,
    query: { force: true, v: true },
  });
  if (answer.status === 404) return;
  const isUnderway = answer.status === 409 && /in progress/i.test(reasonOf(answer));
  if (!isUnderway) check(answer, action);
  for (let look = 0; await inspectContainer(api, container, asked) !== undefined; look++) {
    if (look >= MAX_REMOVAL_POLLS) {
      throw new ProviderError("failed", `Cannot ${action}: docker says removed, but it is there`);
    }
    signal.throwIfAborted();
    await sleep(api.clock, REMOVAL_POLL_MS);
  }
}

/** Starts a container; one that runs is started. */
export async function startContainer(
  api: DockerApi,
  container: string,
  { action, signal }: Asked,
): Promise<void> {
  const answer = await api.send("POST", pathOf(container, "/start"), {
    action,
    signal,
    limitMs: LIFECYCLE_MS,
  });
  if (answer.status < 400) return;
  const reason = reasonOf(answer);
  if (/\/bin\/sh\b/.test(reason)) {
    throw new ProviderError("invalid", `Cannot ${action}: the image has no shell: ${reason}`);
  }
  if (answer.status === 404) {
    throw new ProviderError(
      "failed",
      `Cannot ${action}: docker said that it made a container, but there is none`,
    );
  }
  throw refused(answer, action);
}

/** Pauses or goes on; where that is so already, it is done. On a busy machine a try may fail. */
export async function setPaused(
  api: DockerApi,
  vm: VmHandle,
  { paused, action, signal }: Asked & { paused: boolean },
): Promise<void> {
  const path = pathOf(vm.providerId, paused ? "/pause" : "/unpause");
  for (let tries = 1;; tries++) {
    const answer = await api.send("POST", path, { action, signal, limitMs: LIFECYCLE_MS });
    if (answer.status < 400) return;
    const found = await inspectContainer(api, vm.providerId, { action, signal });
    if (found === undefined) throw notFound(action);
    const { Status, Paused, Running } = found.State;
    const isPaused = Paused || Status === "paused";
    if (isPaused === paused && (paused || Running)) return;
    if (!isPaused && !Running) {
      throw new ProviderError("not_running", `Cannot ${action}: its container is ${Status}`);
    }
    if (tries === PAUSE_TRIES) throw refused({ ...answer, status: 500 }, action);
  }
}

export function notFound(action: string): ProviderError {
  return new ProviderError("not_found", `Cannot ${action}: its container is gone`);
}

/** What a VM's container may do; exported for its test. */
export function containerBody(
  { vmId, generation, resources, network, env }: VmSpec,
  { instance, image, workspace, owner, info }: ContainerOptions,
): Record<string, unknown> {
  const { memoryMiB, cpus } = resources;
  const memoryBytes = memoryMiB === null ? 0 : memoryMiB * 1024 * 1024;
  const limitsCpu = info.CpuCfsQuota ?? info.CPUCfsQuota ?? false;
  const security = info.SecurityOptions ?? [];
  // Without a name in the image a user has no home of its own.
  const home = owner.uid === 0 || isRootless(info) ? {} : { HOME: "/tmp" };
  const variables = { ...home, ...env, HOLDFAST_VM: vmId };
  return {
    Image: image,
    // It reaps what it is left with. The daemon's own init need not be there, though it says so.
    Entrypoint: ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
    Cmd: [],
    Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    Labels: {
      [INSTANCE_LABEL]: instance,
      [VM_LABEL]: vmId,
      [GENERATION_LABEL]: String(generation),
    },
    WorkingDir: WORK_DIR,
    // A rootless daemon's root is the user it runs as.
    User: isRootless(info) ? "0:0" : `${owner.uid}:${owner.gid}`,
    HostConfig: {
      Binds: [`${workspace}:${WORK_DIR}:Z`],
      NetworkMode: network === "full" ? "bridge" : "none",
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      RestartPolicy: { Name: "no" },
      ...(security.some((option) => option.includes("name=userns")) ? { UsernsMode: "host" } : {}),
      ...(memoryBytes > 0 && info.MemoryLimit
        ? { Memory: memoryBytes, MemorySwap: memoryBytes }
        : {}),
      ...(cpus !== null && limitsCpu ? { NanoCpus: Math.round(cpus * 1e9) } : {}),
      ...(info.PidsLimit ? { PidsLimit: PROCESS_LIMIT } : {}),
    },
  };
}

/** Whether the daemon runs without the host's root. */
export function isRootless({ Rootless, SecurityOptions }: Info): boolean {
  return Rootless === true ||
    (SecurityOptions ?? []).some((option) => option.includes("name=rootless"));
}

/** Docker's word for a state in ours; one that is being removed is none any more. */
function stateOf(state: string): VmSighting["state"] | undefined {
  switch (state.toLowerCase()) {
    case "running":
    case "restarting":
      return "running";
    case "paused":
      return "suspended";
    case "removing":
      return undefined;
    default:
      return "stopped";
  }
}

function pathOf(container: string, rest: string): string {
  return `/containers/${encodeURIComponent(container)}${rest}`;
}
