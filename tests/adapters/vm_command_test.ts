import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ExecutorError, type ExecutorInput } from "../../actors/adapters/executor/executor.ts";
import { createVmCommandExecutor } from "../../actors/adapters/executor/vm_command.ts";
import { createProcessProvider } from "../../actors/adapters/vm/process.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import { executorInput } from "../suites/executor_suite.ts";
import { createTestContext } from "../testing/effect_context.ts";
import { eventually, processesOf } from "../testing/processes.ts";

/** A VM of the process provider, and the executor that works in it. */
async function openVm() {
  const home = await Deno.makeTempDir();
  const instance = crypto.randomUUID();
  const provider = createProcessProvider({ home, instance });
  const { signal } = new AbortController();
  const handle = await provider.create({
    vmId: "vm_1",
    generation: 1,
    image: null,
    source: null,
    resources: { cpus: null, memoryMiB: null, diskMiB: null },
    network: "full",
    env: { OF_VM: "yes" },
  }, { key: "create", signal, report: () => {} });
  const vm = { vmId: "vm_1", provider: provider.name, handle };
  const readEnv = (name: string) => ({ HOME: "/of/the/host", GIVEN: "a-value-of-the-host" })[name];
  return {
    executor: createVmCommandExecutor({
      providers: new VmProviders([provider]),
      instance,
      allowedEnv: ["GIVEN"],
      readEnv,
    }),
    provider,
    workDir: handle.workDir,
    input: (command: string[], changes: Partial<ExecutorInput> = {}) =>
      executorInput(command, { vm, ...changes }),
    async [Symbol.asyncDispose]() {
      await provider.delete("vm_1", { key: "delete", signal });
      await Deno.remove(home, { recursive: true });
    },
  };
}

Deno.test("run() runs a command in its VM, with the VM's environment and the task's", async () => {
  await using vm = await openVm();
  const context = createTestContext();
  const script = 'echo "$OF_VM $OF_TASK $GIVEN $HOLDFAST_TASK_ID"; echo "$HOME"; pwd; echo e >&2';
  const result = await vm.executor.run(
    vm.input(["sh", "-c", script], { env: { OF_TASK: "mine" }, envFrom: ["GIVEN"] }),
    context,
  );
  assertEquals([result.exitCode, result.signal, result.workDir], [0, null, vm.workDir]);
  // What a task takes of the server's environment is taken out of its output.
  assertStringIncludes(result.output, "yes mine [redacted] task_1\n");
  assertStringIncludes(result.output, `${vm.workDir}\n`);
  assertEquals(result.output.includes("/of/the/host"), false);
  assertEquals(context.appended("output"), result.output);
  assertEquals(context.events[0], { type: "executor.started", workDir: vm.workDir });
});

Deno.test("run() gives a command in a VM its prompt and its session", async () => {
  await using vm = await openVm();
  const script = 'echo "$HOLDFAST_PROMPT in $HOLDFAST_SESSION"';
  const asked = { prompt: "Fix 'it'\nnow", session: "s-1" };
  const told = await vm.executor.run(vm.input(["sh", "-c", script], asked), createTestContext());
  assertEquals(told.output, "Fix 'it'\nnow in s-1\n");
  const asksNothing = vm.input(["sh", "-c", 'echo "${HOLDFAST_PROMPT-unset}"']);
  assertEquals((await vm.executor.run(asksNothing, createTestContext())).output, "unset\n");
});

Deno.test("run() gives a failed command back as a result, and refusals their codes", async () => {
  await using vm = await openVm();
  const run = (command: string[], changes: Partial<ExecutorInput> = {}) =>
    vm.executor.run(vm.input(command, changes), createTestContext());
  assertEquals((await run(["sh", "-c", "exit 3"])).exitCode, 3);
  const refused = async (command: string[], changes: Partial<ExecutorInput> = {}) =>
    (await assertRejects(() => run(command, changes), ExecutorError)).code;
  assertEquals(await refused(["no-such-program"]), "command_not_found");
  assertEquals(
    await refused(["true"], { workspace: { path: "/no/where" } }),
    "workspace_not_found",
  );
  assertEquals(await refused(["true"], { vm: null }), "spawn_failed");
  const { signal } = new AbortController();
  await vm.provider.delete("vm_1", { key: "delete", signal });
  assertEquals(await refused(["true"]), "runtime_offline");
});

Deno.test("run() pauses, resumes, interrupts and ends a command in its VM", async () => {
  await using vm = await openVm();
  const context = createTestContext();
  const count = "trap 'exit 7' INT; while :; do echo x >> ticks; sleep 0.02; done";
  const running = vm.executor.run(vm.input(["sh", "-c", count]), context);
  const ticks = async () => {
    try {
      return (await Deno.readTextFile(`${vm.workDir}/ticks`)).length;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return 0;
      throw error;
    }
  };
  const stopped = async () => {
    const processes = await processesOf(context.key);
    return processes.length > 0 && processes.every((process) => process.stopped);
  };
  await eventually(async () => await ticks() > 0);
  context.tell({ type: "executor.pause" });
  await eventually(stopped);
  const before = await ticks();
  context.tell({ type: "executor.resume" });
  await eventually(async () => await ticks() > before);
  context.tell({ type: "executor.interrupt" });
  assertEquals((await running).exitCode, 7);
});

Deno.test("run() passes input on to an interactive command, and says what it drops", async () => {
  await using vm = await openVm();
  const context = createTestContext();
  const running = vm.executor.run(vm.input(["cat"], { interactive: true }), context);
  await context.sent("executor.started");
  context.tell({ type: "executor.input", data: "späť 🦕\n", eof: true });
  assertEquals((await running).output, "späť 🦕\n");

  const deaf = createTestContext();
  const read = vm.executor.run(vm.input(["cat"]), deaf);
  await deaf.sent("executor.started");
  deaf.tell({ type: "executor.input", data: "x" });
  assertStringIncludes((await read).output, "[holdfast: input dropped: ");
});

Deno.test("run() ends all of a command when it is aborted", async () => {
  await using vm = await openVm();
  const context = createTestContext();
  const running = vm.executor.run(vm.input(["sh", "-c", "sleep 1000 & echo up; wait"]), context);
  await context.until(() => context.appended("output").includes("up"));
  context.abort(new Error("cancelled"));
  await assertRejects(() => running, Error, "cancelled");
  await eventually(async () => (await processesOf(context.key)).length === 0);
});

Deno.test("reattach() ends what an earlier server began in the VM, and says so", async () => {
  await using vm = await openVm();
  const context = createTestContext();
  const before = vm.executor.run(vm.input(["sleep", "1000"]), context);
  await eventually(async () => (await processesOf(context.key)).length > 0);
  // The same key, as the next server has it.
  const after = createTestContext({ key: context.key });
  const error = await assertRejects(
    () => vm.executor.reattach(vm.input(["sleep", "1000"]), after),
    ExecutorError,
  );
  assertEquals(error.code, "orphaned");
  assertEquals((await before).signal, "SIGKILL");
});
