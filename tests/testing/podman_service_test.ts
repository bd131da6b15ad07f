import { assert, assertEquals } from "@std/assert";
import { podmanAvailable, type PodmanService, startPodmanService } from "./podman_service.ts";
import { processOf } from "./processes.ts";

const unavailable = await podmanAvailable();

// First, since what another test left behind would be there before this one.
Deno.test({
  name: "startPodmanService() leaves nothing behind when containers run or are paused",
  ignore: unavailable !== undefined,
  async fn() {
    const before = await traces();
    const directories: string[] = [];
    const pids: number[] = [];
    const containers: string[] = [];
    {
      await using service = await startPodmanService();
      using docker = connect(service);
      directories.push(service.socket.slice(0, service.socket.lastIndexOf("/")));
      for (const paused of [false, true]) {
        const { Id } = await docker.call("POST", "/containers/create", {
          Image: service.image,
          Cmd: ["sleep", "100000"],
          HostConfig: { NetworkMode: "bridge" },
        });
        containers.push(Id);
        await docker.call("POST", `/containers/${Id}/start`);
        const exec = await docker.call("POST", `/containers/${Id}/exec`, { Cmd: ["true"] });
        await docker.call("POST", `/exec/${exec.Id}/start`, { Detach: true });
        if (paused) await docker.call("POST", `/containers/${Id}/pause`);
        const { State } = await docker.call("GET", `/containers/${Id}/json`);
        pids.push(State.Pid);
      }
      assert(await processOf(pids[0]) !== undefined);
      for (const id of containers) assert((await cgroupsOf(id)).includes(id));
    }
    assertEquals(await Promise.all(pids.map(processOf)), [undefined, undefined]);
    for (const directory of directories) {
      assertEquals((await output("ps", "-eo", "args")).includes(directory), false);
      assertEquals(await Deno.lstat(directory).catch((error) => error.name), "NotFound");
    }
    for (const id of containers) assertEquals(await cgroupsOf(id), "");
    assertEquals(await traces(), before);
  },
});

Deno.test({
  name: "startPodmanService() runs containers of its image within their limits",
  ignore: unavailable !== undefined,
  async fn() {
    await using service = await startPodmanService();
    using docker = connect(service);
    const { Id } = await docker.call("POST", "/containers/create", {
      Image: service.image,
      Cmd: [
        "sh",
        "-c",
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max",
      ],
      HostConfig: { NetworkMode: "bridge", Memory: 32 << 20 },
    });
    await docker.call("POST", `/containers/${Id}/start`);
    await docker.call("POST", `/containers/${Id}/wait`);
    const logs = await docker.text(`/containers/${Id}/logs?stdout=1`);
    assert(logs.includes(`${32 << 20}`), logs);
  },
});

/** What containers may leave on a machine outside of podman's own directories. */
async function traces(): Promise<Record<string, string>> {
  const known = ["/run", "/var/lib"].map((path) => [...Deno.readDirSync(path)].map((e) => e.name));
  const mounts = (await Deno.readTextFile("/proc/self/mounts")).split("\n");
  return {
    mounts: mounts.filter((line) => /podman|containers|netns/.test(line)).join("\n"),
    devices: [...Deno.readDirSync("/sys/class/net")].map((entry) => entry.name).sort().join(),
    files: known.flat().sort().join(),
  };
}

/** Groups of one container; those of others come and go with another run of the tests. */
function cgroupsOf(container: string): Promise<string> {
  return output("find", "/sys/fs/cgroup", "-name", `*${container}*`);
}

async function output(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args }).output();
  return new TextDecoder().decode(stdout);
}

function connect({ socket }: PodmanService) {
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const send = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://docker/v1.41${path}`, {
      client,
      method,
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text;
  };
  return {
    text: (path: string) => send("GET", path),
    async call(method: string, path: string, body?: unknown) {
      const text = await send(method, path, body);
      return text.startsWith("{") ? JSON.parse(text) : {};
    },
    [Symbol.dispose]: () => client.close(),
  };
}
