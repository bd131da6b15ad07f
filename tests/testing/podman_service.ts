/**
 * A podman for tests that speaks the Docker API on a socket of its own, with one tiny image in it.
 *
 * It lives in a mount and a network namespace of its own, and all its files in one temporary
 * directory: bridges, firewall rules and mounts end with its last process, and nobody else's
 * containers are ever seen. What runs in it keeps host process ids. Not for use outside of tests.
 */
import { eventually } from "./processes.ts";

const IMAGE = "localhost/holdfast-test:1";
const API = "http://docker/v1.41";
const PROGRAMS = ["podman", "runc", "conmon", "busybox", "unshare", "tar"];
const PACKAGES = "podman runc busybox-static";
const CGROUP_ROOT = "/sys/fs/cgroup";
/** Where podman puts its control groups, in every hierarchy. */
const CGROUP_PARENT = "libpod_parent";

/** In the namespaces: what podman writes to fixed places goes to memory. */
const START = `
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
busybox ip link set lo up
exec podman system service --time=0 "unix://$1/podman.sock" >"$1/service.log" 2>&1
`;

/** The root of the image: busybox under all its names, and a user besides root. */
const MAKE_IMAGE = `
set -e
mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/root" "$1/workspace"
cp "$(command -v busybox)" "$1/bin/busybox"
for name in $(busybox --list); do
  [ "$name" = busybox ] || ln -s busybox "$1/bin/$name"
done
printf 'root:x:0:0:root:/root:/bin/sh\\nuser:x:1000:1000::/workspace:/bin/sh\\n' >"$1/etc/passwd"
printf 'root:x:0:\\nuser:x:1000:\\n' >"$1/etc/group"
chmod 1777 "$1/tmp" "$1/workspace"
`;

export type PodmanService = AsyncDisposable & {
  /** The path of the unix socket. */
  socket: string;
  /** An image of busybox alone, with `/workspace` and a user of id 1000. */
  image: string;
};

/** Why no podman can run here, or undefined if one can. */
export async function podmanAvailable(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return `podman needs Linux: this is ${Deno.build.os}`;
  if (Deno.uid() !== 0) return "podman with limits needs root";
  const missing: string[] = [];
  for (const program of PROGRAMS) {
    const found = await run("sh", "-c", 'command -v "$1"', "sh", program);
    if (!found.success) missing.push(program);
  }
  if (missing.length > 0) {
    return `${missing.join(", ")} not found: apt-get install ${PACKAGES}`;
  }
  const unshared = await run("unshare", "--mount", "--net", "true");
  return unshared.success ? undefined : `no namespaces can be made: ${unshared.error}`;
}

/** Starts a service and puts the image into it. Disposing ends and removes everything. */
export async function startPodmanService(): Promise<PodmanService> {
  const directory = await Deno.makeTempDir({ prefix: "holdfast_podman_" });
  const ownCgroups = await missingCgroups();
  const socket = `${directory}/podman.sock`;
  await writeConfiguration(directory);
  const child = spawnService(directory);
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const call = async (method: string, path: string, body?: Uint8Array<ArrayBuffer>) => {
    const response = await fetch(`${API}${path}`, { client, method, body: body ?? null });
    const text = await response.text();
    if (response.ok) return text;
    throw new Error(`Cannot ${method} ${path}: ${response.status} ${text}`);
  };
  const service: PodmanService = {
    socket,
    image: IMAGE,
    async [Symbol.asyncDispose]() {
      if (!child.ended()) {
        await removeContainers(call);
        child.process.kill("SIGTERM");
      }
      client.close();
      await child.process.status;
      await killMonitors(directory);
      for (const path of ownCgroups) await removeCgroup(path);
      await Deno.remove(directory, { recursive: true });
    },
  };
  try {
    await eventually(async () => child.ended() || await accepts(socket));
    if (child.ended()) throw new Error(`Cannot start podman: ${await logOf(directory)}`);
    await call("POST", `/images/create?fromSrc=-&repo=${IMAGE}`, await imageTar(directory));
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
  return service;
}

async function writeConfiguration(directory: string): Promise<void> {
  await Deno.mkdir(`${directory}/tmp`);
  await Deno.writeTextFile(
    `${directory}/storage.conf`,
    // Without overlay mounts: the image is small, and this works on every file system.
    `[storage]
driver = "vfs"
graphroot = "${directory}/root"
runroot = "${directory}/run"
`,
  );
  await Deno.writeTextFile(
    `${directory}/containers.conf`,
    // A process of podman's stays this many seconds after each exec, else it would be minutes.
    `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 5
tmp_dir = "${directory}/engine"
volume_path = "${directory}/volumes"
[network]
network_config_dir = "${directory}/networks"
`,
  );
}

function spawnService(directory: string): { process: Deno.ChildProcess; ended(): boolean } {
  const process = new Deno.Command("unshare", {
    args: ["--mount", "--net", "sh", "-c", START, "sh", directory],
    // Its monitors leave a file wherever they are when memory runs out.
    cwd: directory,
    clearEnv: true,
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: directory,
      TMPDIR: `${directory}/tmp`,
      CONTAINERS_CONF: `${directory}/containers.conf`,
      CONTAINERS_STORAGE_CONF: `${directory}/storage.conf`,
    },
    stdin: "null",
    stdout: "null",
    // What goes wrong before the log is open belongs on the test's own output.
    stderr: "inherit",
  }).spawn();
  let ended = false;
  process.status.then(() => ended = true);
  return { process, ended: () => ended };
}

async function imageTar(directory: string): Promise<Uint8Array<ArrayBuffer>> {
  const root = `${directory}/image`;
  const made = await run("sh", "-c", MAKE_IMAGE, "sh", root);
  if (!made.success) throw new Error(`Cannot make the image: ${made.error}`);
  const packed = await run("tar", "--create", "--numeric-owner", "--directory", root, ".");
  if (!packed.success) throw new Error(`Cannot pack the image: ${packed.error}`);
  return packed.stdout;
}

async function removeContainers(
  call: (method: string, path: string) => Promise<string>,
): Promise<void> {
  const containers: { Id: string }[] = JSON.parse(await call("GET", "/containers/json?all=1"));
  for (const { Id } of containers) await call("DELETE", `/containers/${Id}?force=1&v=1`);
}

/** Podman's monitors outlive it, and each exec's outlives the container. */
async function killMonitors(directory: string): Promise<void> {
  for (const pid of await processesNaming(directory)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (error) {
      // It has ended by itself meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  await eventually(async () => (await processesNaming(directory)).length === 0);
}

/** The living processes with a text in their arguments; the dead have no arguments any more. */
async function processesNaming(text: string): Promise<number[]> {
  const listed = await run("ps", "-eo", "pid=,args=");
  if (!listed.success) throw new Error(`Cannot list processes: ${listed.error}`);
  const lines = new TextDecoder().decode(listed.stdout).split("\n");
  return lines.filter((line) => line.includes(text)).map((line) => Number.parseInt(line));
}

/** Podman's control groups that are not there yet, so that no other podman's are touched. */
async function missingCgroups(): Promise<string[]> {
  const paths = [`${CGROUP_ROOT}/${CGROUP_PARENT}`];
  for await (const { name, isDirectory } of Deno.readDir(CGROUP_ROOT)) {
    if (isDirectory) paths.push(`${CGROUP_ROOT}/${name}/${CGROUP_PARENT}`);
  }
  const present = await Promise.all(paths.map(exists));
  return paths.filter((_, index) => !present[index]);
}

/**
 * Removes what podman leaves of its own control groups; those of containers went with them. Another
 * podman may have come to use them, or remove them at this moment.
 */
async function removeCgroup(path: string): Promise<void> {
  for (const each of [`${path}/conmon`, path]) {
    const removed = await run("rmdir", each);
    if (!removed.success && !/busy|No such file/.test(removed.error)) {
      throw new Error(`Cannot remove control group "${each}": ${removed.error}`);
    }
  }
}

/** Whether somebody listens on a socket. */
async function accepts(socket: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path: socket })).close();
    return true;
  } catch (error) {
    const { NotFound, ConnectionRefused } = Deno.errors;
    if (error instanceof NotFound || error instanceof ConnectionRefused) return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function logOf(directory: string): Promise<string> {
  const path = `${directory}/service.log`;
  return await exists(path) ? await Deno.readTextFile(path) : "it wrote no log";
}

async function run(
  program: string,
  ...args: string[]
): Promise<{ success: boolean; stdout: Uint8Array<ArrayBuffer>; error: string }> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    env: { LC_ALL: "C" },
  }).output();
  return { success, stdout, error: new TextDecoder().decode(stderr).trim() };
}
