/** A VM's timers: never early, late by no more than the debounce, and the same over restarts. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { NotAcceptedError } from "../../actors/runtime/errors.ts";
import { debounceMs } from "../../machines/vm_timing.ts";
import { Random } from "../simulation/random.ts";
import { DAY, HOUR, MINUTE, VmStage } from "./vm_stage.ts";

/** Latency of the store and of commits on the stage. */
const SLACK_MS = 5;

Deno.test("vm sleeps never before its time since the last use, and at most a debounce after it", async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = new Random(seed);
    const vms = await VmStage.start();
    const sleepMs = random.pick([1, 50, 1_000, 5_000, MINUTE, 10 * MINUTE]);
    const idle = { sleepMs, recycleMs: random.pick([null, DAY]), notifyBeforeMs: HOUR };
    await vms.make({ idle });
    let lastUse = vms.now;
    for (let uses = random.int(1, 12); uses > 0; uses--) {
      await vms.stage.pass(random.int(0, Math.floor(sleepMs * 0.9)));
      if (await vms.state() !== "running") break;
      await vms.use(random.pick(["activity", "keepAwake"] as const));
      lastUse = vms.now;
      if (random.chance(0.2)) await vms.restart();
    }
    if (await vms.state() === "running") await vms.until("suspending", sleepMs + 2 * MINUTE);
    const sleptAt = (await vms.record()).updatedAt;
    const afterMs = sleptAt - lastUse;
    assert(afterMs >= sleepMs, `seed ${seed}: slept ${afterMs} ms after a use, not ${sleepMs}`);
    const latest = sleepMs + debounceMs(idle) + SLACK_MS;
    assert(afterMs <= latest, `seed ${seed}: slept only ${afterMs} ms after the last use`);
  }
});

Deno.test("vm is recycled never before its time since the last activity, and at most a debounce after", async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const random = new Random(seed);
    const vms = await VmStage.start();
    const recycleMs = random.pick([10_000, 20 * MINUTE, DAY]);
    const idle = { sleepMs: random.pick([null, 2_000]), recycleMs, notifyBeforeMs: 1_000 };
    await vms.make({ idle });
    let lastActivity = vms.now;
    for (let uses = random.int(0, 8); uses > 0; uses--) {
      await vms.stage.pass(random.int(0, Math.floor(recycleMs * 0.8)));
      if (await vms.state() === "recycled") break;
      if (random.chance(0.3)) await vms.use("keepAwake");
      else {
        await vms.use("activity");
        lastActivity = vms.now;
      }
    }
    if (await vms.state() !== "recycled") await vms.until("recycled", 2 * DAY);
    const { endedAt, method } = await vms.context();
    const afterMs = (endedAt ?? 0) - lastActivity;
    assertEquals(method, "idle");
    assert(afterMs >= recycleMs, `seed ${seed}: recycled after ${afterMs} ms, not ${recycleMs}`);
    assert(afterMs <= recycleMs + debounceMs(idle) + SLACK_MS, `seed ${seed}: ${afterMs} ms`);
  }
});

Deno.test("vm.used that could not count yet stands for those right after it all the same", async () => {
  for (const phase of ["held", "waking"]) {
    const vms = await VmStage.start();
    await vms.make();
    if (phase === "held") await vms.send({ type: "vm.attach", task: "vm:vm_1" });
    else {
      await vms.send({ type: "vm.sleep" });
      await vms.pass(1);
      vms.provider.before = async ({ operation }) => {
        if (operation === "resume") await vms.stage.clock.sleep(1_000, vms.stage.nature);
      };
      await vms.send({ type: "vm.wake" });
    }
    const notedAt = vms.now;
    await vms.use();
    await vms.pass(1_000);
    if (phase === "held") await vms.send({ type: "vm.release", task: "vm:vm_1" });
    // A use between the two is not noted: the first one was noted a moment ago.
    await vms.until("sleeping", HOUR);
    const { updatedAt } = await vms.record();
    assertEquals(updatedAt - notedAt, 10 * MINUTE + 30_000, phase);
  }
});

Deno.test("vm with its timers turned off never sleeps and is never recycled", async () => {
  const vms = await VmStage.start();
  await vms.make({ idle: { sleepMs: null, recycleMs: null } });
  await vms.pass(60 * DAY);
  assertEquals([await vms.state(), vms.calls("suspend"), vms.calls("delete")], ["running", 0, 0]);
});

Deno.test("vm.used by somebody who is only connected puts sleep off, and recycling not", async () => {
  const vms = await VmStage.start();
  await vms.make({ idle: { sleepMs: 10 * MINUTE, recycleMs: HOUR } });
  for (let minute = 0; minute < 59; minute++) {
    await vms.pass(MINUTE);
    await vms.use("keepAwake");
  }
  assertEquals(await vms.state(), "running");
  await vms.pass(MINUTE);
  assertEquals(await vms.state(), "recycled");
});

Deno.test("vm tells once in each idle period that it will be recycled", async () => {
  const vms = await VmStage.start();
  await vms.make({ idle: { recycleMs: 3 * HOUR, notifyBeforeMs: HOUR } });
  const told = async () => {
    const { items } = await vms.stage.during(
      vms.stage.system.history("vm:vm_1", { limit: 200 }),
    );
    return items.flatMap(({ emitted }) => emitted).map(({ type }) => type);
  };
  await vms.pass(2 * HOUR - 1);
  assertEquals(await told(), []);
  await vms.pass(2);
  await vms.restart();
  await vms.pass(10 * MINUTE);
  assertEquals(await told(), ["vm.expiring_soon"]);
  await vms.use();
  assertEquals((await vms.context()).notifiedAt, null);
  await vms.pass(2 * HOUR + MINUTE);
  assertEquals(await told(), ["vm.expiring_soon", "vm.expiring_soon"]);
});

Deno.test("vm that expires is recycled at that time, though a task holds it and it is used", async () => {
  const vms = await VmStage.start();
  await vms.make({ expireAt: vms.now + HOUR });
  await vms.send({ type: "vm.attach", task: "vm:vm_1" });
  await vms.pass(HOUR - 1_000);
  await vms.use();
  assertEquals(await vms.state(), "running");
  await vms.pass(1_000);
  assertEquals([await vms.state(), (await vms.context()).method], ["recycled", "expired"]);
});

Deno.test("vm that a task holds neither sleeps nor is recycled, over restarts too", async () => {
  const vms = await VmStage.start();
  await vms.make({ idle: { sleepMs: MINUTE, recycleMs: HOUR } });
  await vms.send({ type: "vm.attach", task: "vm:vm_1" });
  await vms.pass(HOUR);
  await vms.restart(2 * DAY);
  await vms.pass(HOUR);
  assertEquals(await vms.state(), "running");
  await assertRejects(() => vms.send({ type: "vm.sleep" }), NotAcceptedError);
  const releasedAt = vms.now;
  await vms.send({ type: "vm.release", task: "vm:vm_1" });
  await vms.until("sleeping", HOUR);
  assertEquals((await vms.record()).updatedAt - releasedAt, MINUTE);
  await vms.until("recycled", 2 * HOUR);
  assertEquals(((await vms.context()).endedAt ?? 0) - releasedAt, HOUR);
});

Deno.test("vm that has failed turns a task away, and is still recycled in its time", async () => {
  const vms = await VmStage.start();
  await vms.make({ idle: { recycleMs: HOUR } });
  await vms.send({ type: "vm.vanished", reason: "There is none" });
  await vms.send({ type: "vm.attach", task: "vm:vm_1" });
  assertEquals((await vms.context()).tasks, {});
  await vms.pass(HOUR);
  assertEquals(await vms.state(), "recycled");
});

const IDLE = { sleepMs: 10 * MINUTE, recycleMs: 5 * HOUR, notifyBeforeMs: HOUR };

for (
  const [phase, passMs] of [
    ["running and idle", MINUTE],
    ["asleep", 20 * MINUTE],
    ["announced", 4 * HOUR + MINUTE],
  ] as const
) {
  Deno.test(`vm that is ${phase} does all at the same times over a restart`, async () => {
    const times = await Promise.all([0, 1].map(async (restarts) => {
      const vms = await VmStage.start();
      await vms.make({ idle: IDLE });
      const from = vms.now;
      await vms.pass(passMs);
      if (restarts > 0) await vms.restart(MINUTE);
      const vmTimes = [];
      if (phase === "running and idle") {
        await vms.until("sleeping", HOUR);
        vmTimes.push((await vms.record()).updatedAt - from);
      }
      await vms.until("recycled", DAY);
      const { notifiedAt, endedAt } = await vms.context();
      return [...vmTimes, (notifiedAt ?? 0) - from, (endedAt ?? 0) - from];
    }));
    assertEquals(times[1], times[0]);
    assertEquals(times[0]?.slice(-2), [4 * HOUR, 5 * HOUR]);
  });
}

Deno.test("vm whose timers were due while the server was down does all of it once, at once", async () => {
  const vms = await VmStage.start();
  await vms.make({ idle: IDLE });
  await vms.restart(30 * DAY);
  await vms.pass(100);
  const { method, endedAt } = await vms.context();
  assertEquals([await vms.state(), method], ["recycled", "idle"]);
  assert(vms.now - (endedAt ?? 0) <= 200);
  assertEquals([vms.calls("delete"), vms.provider.vms.size], [1, 0]);
});

for (const operation of ["create", "suspend", "resume", "delete"] as const) {
  Deno.test(`vm is where it should be after the server died during ${operation}`, async () => {
    const vms = await VmStage.start();
    let isHeldUp = true;
    for (const moment of ["before", "after"] as const) {
      vms.provider[moment] = (call) => {
        const isIt = isHeldUp && call.operation === operation;
        return isIt ? new Promise<void>(() => {}) : undefined;
      };
      const id = `vm_${moment}`;
      const address = `vm:${id}`;
      isHeldUp = operation === "create";
      await vms.make({}, id);
      isHeldUp = operation === "suspend";
      if (operation === "suspend") await vms.send({ type: "vm.sleep" }, address);
      if (operation === "resume") {
        await vms.send({ type: "vm.sleep" }, address);
        await vms.pass(1);
        isHeldUp = true;
        await vms.send({ type: "vm.wake" }, address);
      }
      isHeldUp = true;
      if (operation === "delete") await vms.send({ type: "vm.recycle" }, address);
      await vms.pass(10);
      const during = {
        create: "provisioning",
        suspend: "suspending",
        resume: "waking",
        delete: "recycling",
      };
      assertEquals(await vms.state(address), during[operation]);
      isHeldUp = false;
      await vms.restart(MINUTE);
      await vms.pass(100);
      const [state, seen] = {
        create: ["running", "running"],
        suspend: ["sleeping", "suspended"],
        resume: ["running", "running"],
        delete: ["recycled", undefined],
      }[operation];
      assertEquals([await vms.state(address), vms.provider.vms.get(id)?.state], [state, seen]);
      vms.provider[moment] = () => {};
    }
  });
}

Deno.test("vm that owes its clean-up has it tried for days, over restarts, until it is done", async () => {
  const vms = await VmStage.start();
  await vms.make();
  vms.provider.before = ({ operation }) => {
    if (operation === "delete") throw new Error("No answer");
  };
  await vms.send({ type: "vm.recycle" });
  await vms.until("recycled", HOUR);
  assertEquals((await vms.context()).cleanup, "owed");
  for (let day = 0; day < 3; day++) {
    const before = vms.calls("delete");
    await vms.restart(MINUTE);
    await vms.pass(DAY);
    const tries = vms.calls("delete") - before;
    assert(tries >= 20 && tries <= 60, `${tries} tries in a day`);
  }
  vms.provider.before = () => {};
  await vms.pass(HOUR + MINUTE);
  assertEquals([(await vms.context()).cleanup, vms.provider.vms.size], ["done", 0]);
  assertEquals((await vms.record()).status, "done");
});
