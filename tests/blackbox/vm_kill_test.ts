/**
 * The promise of VMs, checked from outside on a real server: it is killed with SIGKILL while VMs
 * are made, put to sleep, woken, recycled and worked in, and afterwards there is at the provider
 * one VM or none, as its actor says; tasks end as they should; and when all are recycled nothing
 * of them is left on the machine.
 *
 * `HOLDFAST_KILL_ROUNDS=100 deno task test tests/blackbox/vm_kill_test.ts` for many rounds.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { bwrapUnavailable } from "../adapters/vm_bwrap_lab.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { ask, type Body, until } from "./caller.ts";
import { lookAfterVms } from "./vm_caller.ts";
import { AIMS, VmFleet } from "./vm_fleet.ts";
import { controlGroupsOf, directoriesOf, endTraces, tracesOf } from "./vm_traces.ts";

const ROUNDS = Number(Deno.env.get("HOLDFAST_KILL_ROUNDS") ?? 7);
/** Of so many ends one is a kind one. */
const STOP_EVERY = 5;

const noBwrap = await bwrapUnavailable();
const providers = noBwrap === undefined ? ["process", "bwrap"] : ["process"];
const without = noBwrap === undefined ? "" : ` (bwrap SKIPPED: ${noBwrap})`;

Deno.test({
  name: `a server that is killed ${ROUNDS} times loses, doubles and forgets no VM${without}`,
  ignore: Deno.build.os !== "linux",
  async fn() {
    const seed = Number(Deno.env.get("HOLDFAST_KILL_SEED") ?? Date.now() % 1_000_000);
    say(`seed ${seed}, ${ROUNDS} rounds`);
    const fleet = new VmFleet(providers.map((provider) => ({ provider })), generator(seed));
    await using server = await startServer({ env: { HOLDFAST_LOG_LEVEL: "info" } });
    try {
      for (let round = 0; round < ROUNDS; round++) {
        await fleet.live(server.url, AIMS[round % AIMS.length] ?? null);
        // Now and then it is only told to end, and has no time for it.
        await (round % STOP_EVERY === STOP_EVERY - 1 ? server.stop() : server.kill());
        await server.start();
      }
      await checkRound(server);
      await checkTasks(server, fleet);
      await checkVms(server, fleet);
      await recycleAll(server);
      await checkNothingLeft(server, fleet);
      const hits = [...fleet.hits].map(([aim, count]) => `${count} ${aim ?? "anywhere"}`);
      say(`${fleet.vms.size} VMs, ${fleet.tasks.size} tasks, kills: ${hits.join(", ")}`);
    } catch (error) {
      const told = server.log.filter((line) => /"level":"(warn|error)"/.test(line));
      say(told.slice(-20).join("\n    "));
      throw error;
    } finally {
      await endTraces(fleet.vms);
    }
  },
});

/** What one has to know to repeat a run. */
function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`    ${line}\n`));
}

async function get(server: TestServer, path: string): Promise<Body> {
  const { status, body } = await ask(server, path);
  assertEquals(status, 200, JSON.stringify(body));
  return body;
}

async function allVms(server: TestServer): Promise<Body[]> {
  const vms: Body[] = [];
  let cursor: string | null = null;
  do {
    const page: Body = await get(
      server,
      `/v1/vms?limit=100${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    vms.push(...page.items);
    cursor = page.nextCursor ?? null;
  } while (cursor !== null);
  return vms;
}

/** A look after VMs: it finds nothing to set right. */
async function checkRound(server: TestServer): Promise<void> {
  // Whoever asks has it tried out, and what tries have left goes.
  await get(server, "/v1/vm-providers");
  await lookAfterVms(server);
  const found = server.log.filter((line) =>
    /vanished|no actor owns|Cannot list VMs|Cannot set a VM right/.test(line) &&
    !line.includes("probe-")
  );
  assertEquals(found, []);
}

async function checkTasks(server: TestServer, fleet: VmFleet): Promise<void> {
  assert(fleet.tasks.size > 0, "no task was acknowledged in any round");
  for (const [id, { name, vm }] of fleet.tasks) {
    const task = await get(server, `/v1/tasks/${id}?waitMs=60000`);
    const said = `${id} is ${task.state} in ${vm}: ${JSON.stringify(task.error)}`;
    if (task.state === "cancelled") {
      assertEquals(task.error.code, "vm_recycled", said);
      assert(fleet.asked.has(vm), `${said}, and nobody had its VM recycled`);
    } else {
      assertEquals([task.state, task.result?.output], ["succeeded", `done ${name}\n`], said);
    }
  }
}

/** That each VM is at its provider as its actor says, with all that was acknowledged. */
async function checkVms(server: TestServer, fleet: VmFleet): Promise<void> {
  const resting = ["running", "sleeping", "failed", "recycled"];
  let vms: Body[] = [];
  // All that nobody uses any more comes to sleep.
  await until("all VMs are at rest", async () => {
    vms = await allVms(server);
    return vms.every(({ state }) => resting.includes(state) && state !== "running");
  });
  const byId = new Map(vms.map((vm) => [vm.id, vm]));
  for (const id of fleet.vms) assert(byId.has(id), `vm ${id} was acknowledged and is gone`);
  for (const id of fleet.recycled) assertEquals(byId.get(id).state, "recycled", id);
  const traces = await tracesOf(new Set(byId.keys()));
  for (const { id, state, provider, error } of vms) {
    assertNotEquals(state, "failed", `${provider} ${id}: ${JSON.stringify(error)}`);
    const { processes = [], moving = [], sandboxes = [] } = traces.get(id) ?? {};
    if (state === "recycled") assertEquals(processes, [], `${provider} ${id} is recycled`);
    else {
      assertEquals(moving, [], `${provider} ${id} sleeps`);
      assertEquals(sandboxes.length, provider === "bwrap" ? 1 : 0, `${provider} ${id}`);
    }
  }
  const alive = vms.filter(({ state }) => state === "sleeping").map(({ id }) => id);
  assertEquals(await directoriesOf(server.home), alive.toSorted());
  await checkFiles(server, fleet, new Set(alive));
}

async function checkFiles(
  server: TestServer,
  fleet: VmFleet,
  alive: ReadonlySet<string>,
): Promise<void> {
  for (const id of alive) {
    const workspace = `${server.home}/vms/${id}/workspace`;
    const names = (await Array.fromAsync(Deno.readDir(workspace))).map(({ name }) => name);
    assert(!names.includes(".overlaps"), `a task ran beside itself in ${id}`);
    const missing = fleet.files.filter(({ vm, name }) =>
      vm === id && !names.includes(`file.${name}`)
    );
    assertEquals(missing, []);
  }
}

async function recycleAll(server: TestServer): Promise<void> {
  const vms = await allVms(server);
  await Promise.all(vms.map(async ({ id }) => {
    const { status, body } = await ask(server, `/v1/vms/${id}/recycle`, { json: {} });
    assertEquals(status, 200, JSON.stringify(body));
  }));
  await until(
    "all are recycled",
    async () => (await get(server, "/v1/actors?kind=vm&status=active&limit=1")).items.length === 0,
  );
}

async function checkNothingLeft(server: TestServer, fleet: VmFleet): Promise<void> {
  const vms = await allVms(server);
  const ids = new Set([...fleet.vms, ...vms.map(({ id }) => id)]);
  assertEquals(vms.filter(({ cleanup }) => cleanup === "owed"), []);
  assertEquals([...await tracesOf(ids)], []);
  assertEquals(await directoriesOf(server.home), []);
  assertEquals(await controlGroupsOf(ids), []);
  assertEquals((await get(server, "/v1/dead-letters")).items, []);
  for (const { name, held } of (await get(server, "/v1/pools")).items) {
    assertEquals([name, held], [name, 0]);
  }
  assertEquals(fleet.oddities, []);
}

/** Mulberry32: small, seeded, good enough to choose moments. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
