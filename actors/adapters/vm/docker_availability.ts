/** Whether the daemon can be used, which it is, and which limits it enforces. */
import { type Info, infoSchema, versionSchema } from "./docker_answers.ts";
import { type DockerApi, parse } from "./docker_api.ts";
import { type ProviderAvailability, ProviderError, type ProviderLimits } from "./provider.ts";

const ACTION = "use docker";

/** What the daemon can do. Throws `ProviderError`. */
export async function readInfo(
  api: DockerApi,
  asked: { action: string; signal: AbortSignal },
): Promise<Info> {
  return parse(infoSchema, await api.send("GET", "/info", asked), asked.action);
}

/** Asks the daemon; what keeps it from being used is the reason. */
export async function readAvailability(api: DockerApi): Promise<ProviderAvailability> {
  const { signal } = new AbortController();
  try {
    const asked = { action: ACTION, signal };
    const apiVersion = await api.version(signal);
    const answer = await api.send("GET", "/version", asked);
    const { Version, Components } = parse(versionSchema, answer, ACTION);
    const isPodman = (Components ?? []).some(({ Name }) => /podman/i.test(Name));
    return {
      ok: true,
      reason: null,
      version: `${isPodman ? "podman" : "docker"} ${Version} (API ${apiVersion})`,
      limits: limitsOf(await readInfo(api, asked)),
    };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const reason = error.message.replace(`Cannot ${ACTION}: `, "");
    return { ok: false, reason, version: null, limits: noLimits(reason) };
  }
}

/** Which limits hold, by what the daemon says of its kernel and its rights. */
export function limitsOf(info: Info): ProviderLimits {
  const held = (enforced: boolean, what: string) => ({
    enforced,
    reason: enforced
      ? null
      : `the daemon cannot limit ${what}: it has no such control group, as when it is rootless`,
  });
  return {
    cpus: held(info.CpuCfsQuota ?? info.CPUCfsQuota ?? false, "CPU time"),
    memory: held(info.MemoryLimit, "memory"),
    processes: held(info.PidsLimit, "processes"),
    disk: { enforced: false, reason: "the work directory lies on the host, without a quota" },
    network: { enforced: true, reason: null },
  };
}

function noLimits(reason: string): ProviderLimits {
  const none = { enforced: false, reason };
  return { cpus: none, memory: none, disk: none, processes: none, network: none };
}
