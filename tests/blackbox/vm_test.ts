/**
 * VMs on a real server, as somebody meets them who has only HTTP: made, worked in, put to sleep by
 * their timers, woken by use, shared by tasks, lost behind the server's back, and gone in the end.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bwrapUnavailable } from "../adapters/vm_bwrap_lab.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { exec, lookAfterVms, makeVm, post, untilVm } from "./vm_caller.ts";
import { ask, type Body, endOf, makeTask, until, untilState } from "./caller.ts";

/** Idle for this long a VM of these tests sleeps. */
const SLEEP_MS = 1_000;

const PROVIDERS = [
  { name: "process", reason: null },
  { name: "bwrap", reason: await bwrapUnavailable() ?? null },
];

/** Everything that is left of VMs in a data directory. */
async function leftOf(server: TestServer): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(`${server.home}/vms`))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

for (const { name: provider, reason } of PROVIDERS) {
  const test = (name: string, fn: (server: TestServer) => Promise<void>) =>
    Deno.test({
      name: `${provider}: ${name}${reason === null ? "" : ` (SKIPPED: ${reason})`}`,
      ignore: reason !== null,
      async fn() {
        await using server = await startServer();
        await fn(server);
        const { body } = await ask(server, "/v1/dead-letters");
        assertEquals(body.items, []);
        for (const { id } of (await ask(server, "/v1/vms?limit=200")).body.items) {
          await post(server, `/v1/vms/${id}/recycle`);
        }
        await until("nothing is left", async () => (await leftOf(server)).length === 0);
      },
    });

  test("a VM sleeps when idle, wakes once for all who need it, and keeps its files", async (server) => {
    const vm = await makeVm(server, { provider, idle: { sleepMs: SLEEP_MS } });
    assertEquals([vm.state, vm.error], ["running", null]);
    assertEquals(vm.conditions.at(-1).type, "ready");
    await exec(server, vm.id, ["sh", "-c", "echo kept > file"]);
    await untilVm(server, vm.id, "sleeping");
    const reads = await Promise.all(
      Array.from({ length: 20 }, () => exec(server, vm.id, ["cat", "file"])),
    );
    assertEquals(new Set(reads.map(({ stdout }) => stdout)), new Set(["kept\n"]));
    const history = (await ask(server, `/v1/actors/vm:${vm.id}/history?limit=200`)).body.items;
    const wakes = history.filter((entry: Body) => entry.event.type === "xstate.done.actor.resume");
    assertEquals(wakes.length, 1);
  });

  test("a task owns a VM from one commit on, and takes it with it when it is cancelled", async (server) => {
    const command = ["sh", "-c", "echo up; sleep 1000"];
    const task = await makeTask(server, { command, vm: { provider } });
    await untilState(server, task.id, "running.working");
    const vmId = (await ask(server, `/v1/tasks/${task.id}`)).body.vm.id;
    const vm = (await ask(server, `/v1/vms/${vmId}`)).body;
    assertEquals([vm.state, vm.owner], ["running", `task:${task.id}`]);
    const refused = await ask(server, `/v1/vms/${vmId}/sleep`, { json: {} });
    assertEquals(refused.status, 409);
    assertStringIncludes(JSON.stringify(refused.body), task.id);
    await post(server, `/v1/tasks/${task.id}/cancel`);
    await untilVm(server, vmId, "recycled");
    assertEquals((await ask(server, `/v1/vms/${vmId}`)).body.method, "task_stop");
  });

  test("tasks share a VM, and end with it", async (server) => {
    const vm = await makeVm(server, { provider, idle: { sleepMs: SLEEP_MS } });
    await untilVm(server, vm.id, "sleeping");
    const quick = await makeTask(server, { command: ["sh", "-c", "echo $$ > a"], vm: vm.id });
    const long = await makeTask(server, { command: ["sleep", "1000"], vm: vm.id });
    assertEquals((await endOf(server, quick.id)).state, "succeeded");
    await untilState(server, long.id, "running.working");
    await post(server, `/v1/vms/${vm.id}/recycle`);
    const ended = await endOf(server, long.id);
    assertEquals([ended.state, ended.error.code], ["cancelled", "vm_recycled"]);
    const late = await ask(server, "/v1/tasks", { json: { command: ["true"], vm: vm.id } });
    assertEquals(late.status, 422);
    // Twice is once.
    await post(server, `/v1/vms/${vm.id}/recycle`);
  });

  test("a paused task lets its VM sleep, and wakes it to go on", async (server) => {
    const vm = { provider, idle: { sleepMs: SLEEP_MS } };
    const command = ["sh", "-c", "while [ ! -e go ]; do sleep 0.05; done; echo done"];
    const task = await makeTask(server, { command, vm });
    await untilState(server, task.id, "running.working");
    const vmId = (await ask(server, `/v1/tasks/${task.id}`)).body.vm.id;
    await post(server, `/v1/tasks/${task.id}/pause`);
    await untilVm(server, vmId, "sleeping");
    await post(server, `/v1/tasks/${task.id}/resume`);
    await untilState(server, task.id, "running.working");
    await exec(server, vmId, ["touch", "go"]);
    const ended = await endOf(server, task.id);
    assertEquals([ended.state, ended.result.output], ["succeeded", "done\n"]);
  });

  test("a VM that was due while the server was down is recycled as soon as it is up", async (server) => {
    const soon = { sleepMs: SLEEP_MS, recycleMs: 2 * SLEEP_MS };
    const idle = await makeVm(server, { provider, idle: soon });
    const expiring = await makeVm(server, { provider, expireAt: Date.now() + 2_500 });
    await server.kill();
    await until("both are due", () => Promise.resolve(Date.now() > Date.parse(expiring.expireAt)));
    await server.start();
    for (const [{ id }, method] of [[idle, "idle"], [expiring, "expired"]] as const) {
      await untilVm(server, id, "recycled");
      assertEquals((await ask(server, `/v1/vms/${id}`)).body.method, method);
    }
  });

  test("a VM that is lost behind the server's back fails with the reason, and can be made again", async (server) => {
    const vm = await makeVm(server, { provider });
    await server.kill();
    await removeBehind(server, vm.id);
    await server.start();
    await lookAfterVms(server);
    await untilVm(server, vm.id, "failed");
    const failed = (await ask(server, `/v1/vms/${vm.id}`)).body;
    assertEquals(failed.error.code, "vanished");
    assertMatch(failed.error.message, /Cannot find vm/);
    const refused = await ask(server, `/v1/vms/${vm.id}/exec`, { json: { command: ["true"] } });
    assertEquals(refused.status, 409);
    await post(server, `/v1/vms/${vm.id}/retry`);
    await untilVm(server, vm.id, "running");
    assertEquals((await exec(server, vm.id, ["true"])).exitCode, 0);
  });

  test("a VM that no actor owns is removed by the next look", async (server) => {
    const { id } = await makeVm(server, { provider });
    await server.kill();
    for (const file of ["holdfast.db", "holdfast.db-wal", "holdfast.db-shm"]) {
      await Deno.remove(`${server.home}/${file}`);
    }
    assertEquals(await leftOf(server), [id]);
    await server.start();
    await lookAfterVms(server);
    assertEquals(await leftOf(server), []);
    const told = await server.logged((line) => line.includes("no actor owns"));
    assertStringIncludes(told, id);
  });

  test("a repository that cannot be cloned fails with the reason", async (server) => {
    const vm = await makeVm(server, { provider, repo: `${server.home}/none.git` });
    assertEquals(vm.state, "failed");
    assertMatch(vm.error.message, /none\.git/);
    assert(vm.conditions.some((one: Body) => one.type === "failed" && one.status === "true"));
  });
}

/** Takes a VM away as an accident would: its processes and its files. */
async function removeBehind(server: TestServer, id: string): Promise<void> {
  const script = `
    for dir in /proc/[0-9]*; do
      if tr '\\0' '\\n' < "$dir/environ" 2>/dev/null | grep -qxF "HOLDFAST_VM=$1"; then
        kill -KILL "\${dir#/proc/}"
      fi
    done
    pkill -KILL -f "HOLDFAST_VM $1" || true
    rm -rf "$2"`;
  const args = ["-c", script, "sh", id, `${server.home}/vms/${id}`];
  await new Deno.Command("sh", { args }).output();
}
