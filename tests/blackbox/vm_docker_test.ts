/**
 * VMs in containers on a real server and a real podman: made, worked in, put to sleep, woken,
 * killed over, taken away behind the server's back, and with a podman that is gone for a while.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  podmanAvailable,
  type PodmanService,
  startPodmanService,
} from "../testing/podman_service.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { directoriesOf } from "./vm_traces.ts";
import { AIMS, VmFleet } from "./vm_fleet.ts";
import { ask, type Body, endOf, makeTask, until, untilState } from "./caller.ts";
import { exec, lookAfterVms, makeVm as makeAnyVm, post, untilVm, vmState } from "./vm_caller.ts";

/** Idle for this long a VM of these tests sleeps. */
const SLEEP_MS = 1_000;
/** How often a server is killed at work. */
const ROUNDS = Number(Deno.env.get("HOLDFAST_KILL_ROUNDS") ?? 3);
const API = "http://docker/v1.41";

const reason = await podmanAvailable();

type Stage = { server: TestServer; podman: PodmanService };

function test(name: string, fn: (stage: Stage) => Promise<void>): void {
  Deno.test({
    name: `docker: ${name}${reason === undefined ? "" : ` (SKIPPED: ${reason})`}`,
    ignore: reason !== undefined,
    async fn() {
      await using podman = await startPodmanService();
      await using server = await startServer({
        env: { HOLDFAST_DOCKER_SOCKET: podman.socket },
      });
      await fn({ server, podman });
      assertEquals((await ask(server, "/v1/dead-letters")).body.items, []);
      for (const { id } of (await ask(server, "/v1/vms?limit=200")).body.items) {
        await post(server, `/v1/vms/${id}/recycle`);
      }
      await until("no container is left", async () => (await containers(podman)).length === 0);
      const left = async () => (await directoriesOf(server.home)).length;
      await until("no directory is left", async () => await left() === 0);
    },
  });
}

test("a VM sleeps when idle, wakes for a command, and keeps what it had", async (stage) => {
  const { server, podman } = stage;
  const vm = await makeVm(stage, { idle: { sleepMs: SLEEP_MS } });
  assertEquals([vm.state, vm.error], ["running", null]);
  const set = "echo kept > file; sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!";
  const { stdout: pid } = await exec(server, vm.id, ["sh", "-c", set]);
  await untilVm(server, vm.id, "sleeping");
  assertEquals((await containers(podman)).map(({ State }) => State), ["paused"]);
  const look = ["sh", "-c", 'cat file; kill -0 "$1" && echo alive', "sh", pid.trim()];
  const looks = await Promise.all(Array.from({ length: 5 }, () => exec(server, vm.id, look)));
  assertEquals(new Set(looks.map(({ stdout }) => stdout)), new Set(["kept\nalive\n"]));
});

test("a task owns a VM and takes it with it when it is cancelled", async (stage) => {
  const { server, podman } = stage;
  const vm = { provider: "docker", image: podman.image };
  const quick = await makeTask(server, { command: ["sh", "-c", "id -u; pwd"], vm });
  const ended = await endOf(server, quick.id);
  assertEquals(ended.state, "succeeded", JSON.stringify(ended.error));
  assertMatch(ended.result.output, /\/workspace\n$/);
  const long = await makeTask(server, { command: ["sleep", "1000"], vm });
  await untilState(server, long.id, "running.working");
  const { id } = (await ask(server, `/v1/tasks/${long.id}`)).body.vm;
  await post(server, `/v1/tasks/${long.id}/cancel`);
  await untilVm(server, id, "recycled");
  const left = await containers(podman);
  assert(!JSON.stringify(left).includes(id), "its container is left");
});

test("a VM outlives a killed server, and its task is done once more, not twice at once", async (stage) => {
  const { server, podman } = stage;
  const script = "echo began >> began; while [ ! -e go ]; do sleep 0.1; done; echo done";
  const vm = { provider: "docker", image: podman.image };
  const task = await makeTask(server, { command: ["sh", "-c", script], vm, maxAttempts: 5 });
  await untilState(server, task.id, "running.working");
  const { id } = (await ask(server, `/v1/tasks/${task.id}`)).body.vm;
  const began = () => linesOf(`${server.home}/vms/${id}/workspace/began`);
  await until("it has begun", async () => await began() === 1);
  const [before] = await containers(podman);
  await server.kill();
  await server.start();
  await until("it has begun again", async () => await began() === 2);
  await until("it runs alone", async () => {
    const { stdout: processes } = await exec(server, id, ["ps"]);
    // A child of it that has not become its program yet looks the same for a moment.
    return processes.match(/while .* -e go/g)?.length === 1;
  });
  await exec(server, id, ["touch", "go"]);
  const ended = await endOf(server, task.id);
  assertEquals([ended.state, ended.result?.output], ["succeeded", "done\n"]);
  assertEquals((await containers(podman)).map(({ Id }) => Id), [before.Id]);
});

test("a container that is taken away makes its VM fail with the reason", async (stage) => {
  const { server, podman } = stage;
  const vm = await makeVm(stage, {});
  await removeContainers(podman);
  const refused = await ask(server, `/v1/vms/${vm.id}/exec`, { json: { command: ["true"] } });
  assert(refused.status >= 400 && refused.status !== 500, JSON.stringify(refused.body));
  await lookAfterVms(server);
  await untilVm(server, vm.id, "failed");
  const { error } = (await ask(server, `/v1/vms/${vm.id}`)).body;
  assertEquals(error.code, "vanished");
  assertMatch(error.message, /Cannot find vm/);
  await post(server, `/v1/vms/${vm.id}/retry`);
  await untilVm(server, vm.id, "running");
  assertEquals((await exec(server, vm.id, ["true"])).exitCode, 0);
});

test("a container that no actor owns is removed by the next look", async (stage) => {
  const { server, podman } = stage;
  const { id } = await makeVm(stage, {});
  await server.kill();
  for (const file of ["holdfast.db", "holdfast.db-wal", "holdfast.db-shm"]) {
    await Deno.remove(`${server.home}/${file}`);
  }
  assertEquals((await containers(podman)).length, 1);
  await server.start();
  await lookAfterVms(server);
  assertEquals(await containers(podman), []);
  const told = await server.logged((line) => line.includes("no actor owns"));
  assertStringIncludes(told, id);
});

test("an image that is not there fails with the reason", async (stage) => {
  const vm = await makeVm(stage, { image: "localhost/there-is-none:1" });
  assertEquals([vm.state, vm.error.code], ["failed", "invalid"]);
  assertStringIncludes(vm.error.message, "localhost/there-is-none:1");
});

test("while podman is gone calls say so, and go on when it is back", async (stage) => {
  const { server, podman } = stage;
  const vm = await makeVm(stage, { idle: { sleepMs: SLEEP_MS } });
  await exec(server, vm.id, ["touch", "file"]);
  const comesBack = await hide(podman);
  const { status, body } = await ask(server, `/v1/vms/${vm.id}/exec`, {
    json: { command: ["true"] },
  });
  assertEquals(status, 503, JSON.stringify(body));
  assertMatch(body.type, /provider-unreachable/);
  await lookAfterVms(server);
  // Not heard of is not lost: nothing is given up.
  const { state, error } = (await ask(server, `/v1/vms/${vm.id}`)).body;
  assert(["running", "suspending"].includes(state), `it is ${state}: ${JSON.stringify(error)}`);
  await comesBack();
  await until("it is there again", async () => {
    const { status } = await ask(server, `/v1/vms/${vm.id}/exec`, {
      json: { command: ["test", "-e", "file"] },
    });
    return status === 200;
  });
});

test("a VM that is recycled while podman is gone goes when it is back, after a kill as well", async (stage) => {
  const { server, podman } = stage;
  const vm = await makeVm(stage, {});
  const comesBack = await hide(podman);
  await post(server, `/v1/vms/${vm.id}/recycle`);
  await until(
    "podman was asked",
    async () => (await ask(server, `/v1/vms/${vm.id}`)).body.failures > 0,
  );
  assertEquals(await vmState(server, vm.id), "recycling");
  await server.kill();
  await server.start();
  assertEquals(await vmState(server, vm.id), "recycling");
  await comesBack();
  await untilVm(server, vm.id, "recycled");
  const { cleanup } = (await ask(server, `/v1/vms/${vm.id}`)).body;
  assert(cleanup !== "owed", `its clean-up is ${cleanup}`);
  assertEquals(await containers(podman), []);
});

test("a server that is killed at work loses, doubles and forgets no container", async (stage) => {
  const { server, podman } = stage;
  const fleet = new VmFleet([{ provider: "docker", image: podman.image }], Math.random);
  for (let round = 0; round < ROUNDS; round++) {
    await fleet.live(server.url, AIMS[round % AIMS.length] ?? null);
    await server.kill();
    await server.start();
  }
  for (const [id, { vm }] of fleet.tasks) {
    const { state, error } = await endOf(server, id);
    const wasRecycled = error?.code === "vm_recycled" && fleet.asked.has(vm);
    assert(state === "succeeded" || wasRecycled, `${id} is ${state}: ${JSON.stringify(error)}`);
  }
  let vms: Body[] = [];
  await until("all VMs are at rest", async () => {
    vms = (await ask(server, "/v1/vms?limit=200")).body.items;
    return vms.every(({ state }) => ["sleeping", "failed", "recycled"].includes(state));
  });
  assertEquals(vms.filter(({ state }) => state === "failed"), []);
  const ids = new Set(vms.map(({ id }) => id));
  for (const id of fleet.vms) assert(ids.has(id), `vm ${id} was acknowledged and is gone`);
  const sleeping = vms.filter(({ state }) => state === "sleeping").map(({ id }) => id).toSorted();
  // What a killed server asked for podman may have made after its VM was recycled.
  await lookAfterVms(server);
  const seen = await containers(podman);
  assertEquals(seen.map(({ State }) => State), sleeping.map(() => "paused"));
  assertEquals(await directoriesOf(server.home), sleeping);
  for (const id of sleeping) {
    assertEquals(seen.filter((one) => JSON.stringify(one.Labels).includes(id)).length, 1, id);
  }
  for (const { vm, name } of fleet.files.filter(({ vm }) => sleeping.includes(vm))) {
    await Deno.stat(`${server.home}/vms/${vm}/workspace/file.${name}`);
  }
  assertEquals(fleet.oddities, []);
});

/** Makes a VM of the tiny image, where it names no other. */
function makeVm({ server, podman }: Stage, vm: object): Promise<Body> {
  return makeAnyVm(server, { provider: "docker", image: podman.image, ...vm });
}

async function callPodman({ socket }: PodmanService, method: string, path: string): Promise<Body> {
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const response = await fetch(`${API}${path}`, { client, method });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot ${method} ${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

async function containers(podman: PodmanService): Promise<Body[]> {
  return await callPodman(podman, "GET", "/containers/json?all=1");
}

async function removeContainers(podman: PodmanService): Promise<void> {
  for (const { Id } of await containers(podman)) {
    await callPodman(podman, "DELETE", `/containers/${Id}?force=1&v=1`);
  }
}

/** Takes podman's socket away, as a service that has stopped does; returns what brings it back. */
async function hide({ socket }: PodmanService): Promise<() => Promise<void>> {
  await Deno.rename(socket, `${socket}.away`);
  return () => Deno.rename(`${socket}.away`, socket);
}

async function linesOf(path: string): Promise<number> {
  try {
    return (await Deno.readTextFile(path)).split("\n").length - 1;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
