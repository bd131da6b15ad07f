/** A task and the VM that it works in: made together, kept up, and ended together. */
import { assert, assertEquals } from "@std/assert";
import { type Executor, ExecutorError } from "../../actors/adapters/executor/executor.ts";
import { ProviderError } from "../../actors/adapters/vm/provider.ts";
import type { EffectContext } from "../../actors/runtime/kind.ts";
import { taskAddress, type TaskContext } from "../../machines/task_context.ts";
import { DAY, HOUR, MINUTE, VmStage } from "./vm_stage.ts";

const OWN = { id: "vm_1", make: { id: "vm_1", provider: "fake", createdAt: 0 } };
const SHARED = { id: "vm_1", make: null };

/** Attempts that are made, one after the other. */
type Attempt = { vm: string | undefined; context: EffectContext; end(exitCode: number): void };

async function start(): Promise<VmStage & { attempts: Attempt[]; onHost: string[] }> {
  const attempts: Attempt[] = [];
  const onHost: string[] = [];
  const vms = new VmStage();
  const executor = (run: Executor["run"]): Executor => ({
    name: "command",
    run,
    reattach: () => Promise.reject(new ExecutorError("orphaned", "The server has ended")),
    available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
  });
  vms.vmExecutors = {
    command: executor(async ({ vm }, context) => {
      const ended = Promise.withResolvers<number>();
      attempts.push({ vm: vm?.vmId, context, end: ended.resolve });
      await context.send({ type: "executor.started" });
      context.signal.addEventListener("abort", () => ended.reject(context.signal.reason));
      return resultOf(await ended.promise);
    }),
  };
  vms.executors = {
    command: executor(({ taskId }) => {
      onHost.push(taskId);
      return Promise.resolve(resultOf(0));
    }),
  };
  await vms.boot();
  return Object.assign(vms, { attempts, onHost });
}

Deno.test("task makes its VM in its own commit, and works in it once it is up", async () => {
  const vms = await start();
  const receipt = await vms.makeTask({ vm: OWN });
  const { stage } = vms;
  const made = await stage.during(stage.system.history("vm:vm_1"));
  const [born, attached] = made.items;
  assertEquals([born?.seq, attached?.seq], [receipt.seq + 1, receipt.seq + 2]);
  const commits = stage.commits.filter(({ journal }) =>
    journal.some(({ address }) => address === "task:task_1")
  );
  const addresses = commits[0]?.journal.map(({ address }) => address) ?? [];
  assertEquals(addresses.slice(0, 3), ["task:task_1", "vm:vm_1", "vm:vm_1"]);
  assertEquals(await vms.state("task:task_1"), "running.working");
  assertEquals(vms.attempts.map(({ vm }) => vm), ["vm_1"]);
  assertEquals((await vms.context()).tasks, { "task:task_1": "holds" });
});

Deno.test("task that is cancelled or deleted recycles the VM that it owns, and a shared one not", async () => {
  for (
    const [vm, deleted, method] of [
      [OWN, false, "task_stop"],
      [OWN, true, "task_delete"],
      [SHARED, true, null],
    ] as const
  ) {
    const vms = await start();
    if (vm === SHARED) await vms.make();
    await vms.makeTask({ vm });
    await vms.send({ type: "task.cancel", deleted }, "task:task_1");
    await vms.pass(MINUTE);
    assertEquals(await vms.state("task:task_1"), "cancelled");
    assertEquals((await vms.context()).method, method);
    assertEquals(vms.provider.vms.size, method === null ? 1 : 0);
  }
});

Deno.test("task is cancelled when its VM is recycled, whatever it does", async () => {
  const stages: { readonly [stage: string]: (vms: VmStage) => Promise<unknown> } = {
    working: () => Promise.resolve(),
    paused: (vms) => vms.send({ type: "task.pause" }, "task:task_1"),
  };
  for (const prepare of Object.values(stages)) {
    const vms = await start();
    await vms.makeTask({ vm: OWN });
    await prepare(vms);
    await vms.send({ type: "vm.recycle" });
    await vms.pass(MINUTE);
    const { state, context } = await vms.record("task:task_1");
    const { error } = context as unknown as TaskContext;
    assertEquals([state, error?.code], ["cancelled", "vm_recycled"]);
    assertEquals((await vms.context()).method, "manual");
  }
});

Deno.test("task fails when its VM cannot be made, and when it vanishes", async () => {
  for (const isMade of [false, true]) {
    const vms = await start();
    vms.provider.before = ({ operation }) => {
      if (operation === "create" && !isMade) throw new ProviderError("invalid", "No such image");
    };
    await vms.makeTask({ vm: OWN });
    if (isMade) await vms.send({ type: "vm.vanished", reason: "There is none" });
    await vms.pass(MINUTE);
    const { state, context } = await vms.record("task:task_1");
    const { error } = context as unknown as TaskContext;
    assertEquals([state, error?.code], ["failed", "vm_failed"]);
    assertEquals((await vms.context()).tasks, {});
  }
});

Deno.test("task that asks for a VM that is not there, or over, ends at once", async () => {
  const vms = await start();
  await vms.makeTask({ vm: { id: "vm_none", make: null } }, "none");
  await vms.make();
  await vms.send({ type: "vm.recycle" });
  await vms.pass(MINUTE);
  await vms.makeTask({ vm: SHARED }, "over");
  for (const id of ["none", "over"]) {
    const { state, context } = await vms.record(taskAddress(id));
    const { error } = context as unknown as TaskContext;
    assertEquals([state, error?.code], ["cancelled", "vm_recycled"]);
  }
});

Deno.test("task asks in vain for a VM that has failed, and fails", async () => {
  const vms = await start();
  await vms.make();
  await vms.send({ type: "vm.vanished", reason: "There is none" });
  await vms.makeTask({ vm: SHARED });
  assertEquals(await vms.state("task:task_1"), "failed");
});

Deno.test("vm stays up until the last task that shares it has ended", async () => {
  const vms = await start();
  await vms.make({ idle: { sleepMs: MINUTE } });
  await vms.makeTask({ vm: SHARED }, "a");
  await vms.makeTask({ vm: SHARED }, "b");
  vms.attempts[0]?.end(0);
  await vms.pass(HOUR);
  assertEquals([await vms.state("task:a"), await vms.state()], ["succeeded", "running"]);
  vms.attempts[1]?.end(1);
  await vms.pass(MINUTE - 1);
  assertEquals([await vms.state("task:b"), await vms.state()], ["failed", "running"]);
  await vms.pass(2);
  assertEquals([await vms.state(), (await vms.context()).tasks], ["sleeping", {}]);
});

Deno.test("task that waits for a person lets its VM sleep, and has it woken before it goes on", async () => {
  const vms = await start();
  await vms.makeTask({ vm: OWN, interactive: true });
  const [attempt] = vms.attempts;
  const heard: string[] = [];
  attempt?.context.receive(({ type }) =>
    heard.push(`${type} ${vms.provider.vms.get("vm_1")?.state}`)
  );
  await ask(vms, attempt);
  await vms.pass(HOUR);
  assertEquals(await vms.state(), "sleeping");
  await vms.send({ type: "task.input", data: "this\n" }, "task:task_1");
  await vms.pass(MINUTE);
  assertEquals(heard, ["executor.input running"]);
  assertEquals([await vms.state("task:task_1"), await vms.state()], ["running.working", "running"]);
});

Deno.test("task whose attempt is lost while it waits for a person goes on in its VM, never on the host", async () => {
  const vms = await start();
  await vms.makeTask({ vm: OWN, interactive: true });
  await ask(vms, vms.attempts[0]);
  await vms.pass(HOUR);
  await vms.restart(MINUTE);
  await vms.pass(HOUR);
  assertEquals(vms.onHost, []);
  assertEquals(vms.attempts.map(({ vm }) => vm), ["vm_1", "vm_1"]);
  assertEquals([await vms.state("task:task_1"), await vms.state()], ["running.working", "running"]);
});

Deno.test("task that starts days later lets its VM sleep until then", async () => {
  const vms = await start();
  await vms.makeTask({ vm: OWN, startAt: vms.now + 3 * DAY });
  await vms.pass(HOUR);
  assertEquals([await vms.state("task:task_1"), await vms.state()], ["pending", "sleeping"]);
  await vms.restart(MINUTE);
  await vms.until("running.working", 4 * DAY, "task:task_1");
  assertEquals(await vms.state(), "running");
});

Deno.test("task takes word that its VM is ready once", async () => {
  const vms = await start();
  await vms.makeTask({ vm: OWN });
  const { revision } = await vms.record("task:task_1");
  const { handle } = await vms.context();
  const ready = { type: "vm.ready", vm: "vm:vm_1", provider: "fake", handle };
  const refused = await vms.send(ready, "task:task_1").catch((error: Error) => error.name);
  assertEquals(refused, "NotAcceptedError");
  assertEquals((await vms.record("task:task_1")).revision, revision);
  assert(vms.attempts.length === 1);
});

async function ask({ stage }: VmStage, attempt: Attempt | undefined): Promise<void> {
  const question = { type: "executor.inputRequested", question: "Which?" };
  await stage.during(attempt?.context.send(question) ?? Promise.reject(new Error("No attempt")));
}

function resultOf(exitCode: number) {
  const nothing = { signal: null, output: "", truncated: false, outputBytes: 0 };
  return { exitCode, ...nothing, workDir: null, durationMs: 0 };
}
