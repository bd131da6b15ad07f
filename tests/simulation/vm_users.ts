/** Who works with simulated VMs: makes them, runs tasks in them, uses them, and forgets them. */
import type { EventInput } from "../../actors/runtime/kind.ts";
import type { VmInput } from "../../machines/vm_input.ts";
import { PROVIDERS } from "./vm_host.ts";
import type { Server, VmWorld } from "./vm_world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const USERS = 6;
const USERS_LAST_MS = 14 * DAY;
/** VMs that are made in one simulation. */
const MAX_VMS = 200;

const SLEEP_MS = [null, 1 * SECOND, 30 * SECOND, 10 * MINUTE, 10 * MINUTE, 3 * HOUR];
const RECYCLE_MS = [null, 20 * MINUTE, 20 * MINUTE, 6 * HOUR, 6 * HOUR, DAY, DAY, 7 * DAY];

/** Runs all users to their end. */
export async function playUsers(world: VmWorld): Promise<void> {
  const town = new Town(world);
  await Promise.all(Array.from({ length: USERS }, () => town.live()));
}

class Town {
  readonly #vms: string[] = [];
  readonly #tasks: string[] = [];

  constructor(readonly world: VmWorld) {}

  async live(): Promise<void> {
    const { world } = this;
    const { random } = world;
    while (world.clock.elapsed < USERS_LAST_MS) {
      await world.sleep(random.int(0, random.chance(0.3) ? 5 * SECOND : 90 * MINUTE));
      const server = await world.up();
      await this.#act(server);
    }
  }

  async #act(server: Server): Promise<void> {
    const { random } = this.world;
    const chance = random.next();
    if (chance < 0.1 || this.#vms.length === 0) return await this.#makeVm(server);
    // Mostly those that were made not long ago.
    const vm = random.pick(random.chance(0.8) ? this.#vms.slice(-20) : this.#vms);
    if (chance < 0.4) return await this.#use(server, vm);
    if (chance < 0.6) return await this.#makeTask(server, { id: vm, make: null });
    if (chance < 0.7) return await this.#send(server, `vm:${vm}`, this.#orderTo(vm));
    const task = random.pick(this.#tasks.length > 0 ? this.#tasks.slice(-20) : ["none"]);
    await this.#send(server, `task:${task}`, this.#word());
  }

  #orderTo(vm: string): EventInput {
    const { random } = this.world;
    const orders = ["vm.wake", "vm.wake", "vm.retry", "vm.retry", "vm.recycle"];
    const type = random.pick(isRuly(vm) ? orders : [...orders, "vm.sleep", "vm.sleep"]);
    return { type };
  }

  #word(): EventInput {
    const { random } = this.world;
    const type = random.pick(["input", "input", "resume", "resume", "pause", "cancel", "retry"]);
    if (type === "input") return { type: "task.input", data: "yes" };
    return { type: `task.${type}`, ...(type === "cancel" && { deleted: random.chance(0.5) }) };
  }

  async #makeVm(server: Server): Promise<void> {
    const { random } = this.world;
    if (this.#vms.length >= MAX_VMS) return;
    const id = `v${this.#vms.length + 1}`;
    const input = this.#vmInput(id);
    this.#vms.push(id);
    if (random.chance(0.5)) await this.#makeTask(server, { id, make: input });
    else await server.process.call((system) => system.spawn("vm", id, input));
    if (!random.chance(0.2)) return;
    // Some think better of it while it is being made.
    await this.world.sleep(random.int(1, 30 * SECOND));
    await this.#send(await this.world.up(), `vm:${id}`, { type: "vm.recycle" });
  }

  #vmInput(id: string): VmInput {
    const { random, clock } = this.world;
    const recycleMs = random.pick(RECYCLE_MS);
    const shorter = SLEEP_MS.filter((ms) => (ms ?? 0) < (recycleMs ?? Infinity));
    const createdAt = clock.now();
    return {
      id,
      provider: random.pick(PROVIDERS),
      createdAt,
      idle: { sleepMs: random.pick(shorter), recycleMs, notifyBeforeMs: HOUR },
      ...(random.chance(0.1) && { expireAt: createdAt + random.int(1, 3 * DAY) }),
    };
  }

  async #makeTask(server: Server, vm: { id: string; make: VmInput | null }): Promise<void> {
    const { random, clock } = this.world;
    const id = `t${this.#tasks.length + 1}`;
    this.#tasks.push(id);
    const createdAt = clock.now();
    const startAt = createdAt + random.int(1, 2 * DAY);
    const input = { id, command: ["true"], createdAt, vm, interactive: true };
    await server.process.call((system) =>
      system.spawn("task", id, { ...input, ...(random.chance(0.2) && { startAt }) })
    );
  }

  async #send({ process }: Server, address: string, event: EventInput): Promise<void> {
    // What is not accepted, and an answer that is lost, are all the same to them.
    await process.call((system) => system.send(address, event));
  }

  async #use(server: Server, vm: string): Promise<void> {
    const { world } = this;
    const { checks, random, clock } = world;
    const { process, access } = server;
    const worker = `user ${clock.elapsed}`;
    // Whoever puts a VM to sleep while others work in it has his reasons.
    const isWatched = isRuly(vm);
    const jumps = () => world.jumps;
    const before = jumps();
    const work = async () => {
      const { state } = checks.vms.get(vm) ?? {};
      if (isWatched && state === "running") world.check(() => checks.begins(vm, worker));
      if (before === jumps()) checks.used(vm, "activity");
      const ms = random.int(1, random.chance(0.2) ? 20 * MINUTE : 10 * SECOND);
      await clock.sleep(ms, process.outside);
      checks.ends(vm, worker);
    };
    const { signal } = new AbortController();
    const done = await process.call(() => access.use(vm, signal, work));
    if (done.type === "value" && before === jumps()) checks.used(vm, "activity");
    checks.ends(vm, worker);
  }
}

/** Nobody puts these to sleep by hand. */
function isRuly(vm: string): boolean {
  return Number(vm.slice(1)) % 2 === 0;
}
