/** The VM providers of a server, made of its configuration. */
import { createAbsentProvider } from "./adapters/vm/absent.ts";
import { createBwrapProvider } from "./adapters/vm/bwrap.ts";
import { type WorkspaceTools, workspaceTools } from "./adapters/vm/directory.ts";
import { createDockerProvider } from "./adapters/vm/docker.ts";
import { createProcessProvider } from "./adapters/vm/process.ts";
import { VmProviders } from "./adapters/vm/providers.ts";
import type { Logger } from "./runtime/api.ts";

/** What a server's providers are made with. */
export type VmProvidersOptions = {
  /** What repositories are cloned with, the data directory among it. */
  workspaces: Pick<WorkspaceTools, "home" | "instance"> & Partial<WorkspaceTools>;
  /** Programs that may be started on this machine itself; null for any. */
  allowRun: readonly string[] | null;
  /** The socket of a Docker daemon or of podman; null where none is to be used. */
  dockerSocket: string | null;
  log: Logger;
};

const NO_SOCKET = "no socket is configured; install Docker or podman and set " +
  "HOLDFAST_DOCKER_SOCKET to its socket, /var/run/docker.sock or /run/podman/podman.sock";

/** Makes them; nothing of the machine is touched before one is used. */
export function createVmProviders(options: VmProvidersOptions): VmProviders {
  const { workspaces, allowRun, dockerSocket: socket, log } = options;
  const tools = workspaceTools(workspaces);
  const { home, instance } = tools;
  const warn = (message: string, fields: { readonly [name: string]: unknown }) =>
    log("warn", message, fields);
  return new VmProviders([
    createProcessProvider({ ...tools, allowRun }),
    createBwrapProvider(tools),
    socket === null
      ? createAbsentProvider("docker", NO_SOCKET)
      : createDockerProvider({ socket, home, instance, tools, warn }),
  ]);
}
