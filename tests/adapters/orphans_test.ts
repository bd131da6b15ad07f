import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createCommandExecutor } from "../../actors/adapters/executor/command.ts";
import { ExecutorError } from "../../actors/adapters/executor/executor.ts";
import { sweepOrphans } from "../../actors/adapters/executor/orphans.ts";
import { psTable } from "../../actors/adapters/executor/process_table.ts";
import { executorInput } from "../suites/executor_suite.ts";
import { uniqueSeconds } from "../suites/vm_provider_bench.ts";
import { startCommandServer } from "../testing/command_server.ts";
import { createTestContext } from "../testing/effect_context.ts";
import { eventually, processesOf, processOf } from "../testing/processes.ts";

/** A command with a child that left the group and one that hides its environment. */
const SLEEPS = [1, 2, 3].map(() => `sleep ${uniqueSeconds()}`);
const [LEFT, HIDDEN, LAST] = SLEEPS;
const WANDERING = ["sh", "-c", `setsid ${LEFT} & (env -i ${HIDDEN} &); ${LAST}; true`];

async function killedServer(command: string[]) {
  const at = {
    home: await Deno.makeTempDir(),
    instance: crypto.randomUUID(),
    key: `task:orphan/3/${crypto.randomUUID()}`,
  };
  const server = startCommandServer(at, executorInput(command));
  const started = await server.sent("executor.started");
  await server.kill();
  return { ...at, pid: Number(started["pid"]), startedTicks: Number(started["startedTicks"]) };
}

/** Waits until all of it runs, and nothing else of it; returns those that carry its marker. */
async function familyOfThree(key: string, pid: number): Promise<number[]> {
  let pids: number[] = [];
  await eventually(async () => {
    const { stdout } = await new Deno.Command("ps", { args: ["-eo", "args="] }).output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    pids = (await processesOf(key)).map((process) => process.pid);
    // The shell, and the sleeps that carry its marker.
    return SLEEPS.every((sleep) => lines.includes(sleep)) && pids.length === 3;
  });
  assert(pids.includes(pid));
  return pids;
}

Deno.test("reattach() ends the process that a killed server left, with all it started", async () => {
  const { home, instance, key, pid } = await killedServer(WANDERING);
  const pids = await familyOfThree(key, pid);
  const executor = createCommandExecutor({ home, instance });
  const error = await assertRejects(
    () => executor.reattach(executorInput(WANDERING), createTestContext({ key })),
    ExecutorError,
    "the server stopped while it ran",
  );
  assertEquals(error.code, "orphaned");
  assertStringIncludes(error.message, `its process ${pid} (and 3 more) was found and killed`);
  for (const each of pids) assertEquals(await processOf(each), undefined);
  await Deno.remove(home, { recursive: true });
});

Deno.test("sweepOrphans() ends what nobody will take up, and leaves live and foreign alone", async () => {
  const { home, instance, key, pid } = await killedServer(WANDERING);
  const pids = await familyOfThree(key, pid);
  const foreign = await sweepOrphans({ instance: "another", live: new Set() });
  assertEquals(foreign.found, []);
  const live = await sweepOrphans({ instance, live: new Set([key]) });
  assertEquals(live.found, []);
  assertNotEquals(await processOf(pid), undefined);
  const swept = await sweepOrphans({ instance, live: new Set() });
  assertEquals(swept.left, []);
  // One of them hid its marker.
  assertEquals(swept.found.map((orphan) => orphan.key).sort(), [null, key, key, key]);
  for (const each of pids) assertEquals(await processOf(each), undefined);
  await Deno.remove(home, { recursive: true });
});

Deno.test("run() ends the process of an earlier attempt first", async () => {
  // What hides its environment is known by pid and start time alone, on any system.
  const hidden = ["env", "-i", "sh", "-c", "trap '' TERM; sleep 1000"];
  const { home, instance, pid, startedTicks } = await killedServer(hidden);
  const executor = createCommandExecutor({ home, instance });
  const next = (ticks: number) =>
    executor.run(
      executorInput(["true"], { attempt: 2, previous: { pid, startedTicks: ticks } }),
      createTestContext(),
    );
  await next(startedTicks - 1);
  assertNotEquals(await processOf(pid), undefined, "the pid of another process was taken for ours");
  await next(startedTicks);
  assertEquals(await processOf(pid), undefined);
  await Deno.remove(home, { recursive: true });
});

Deno.test("run() works where only ps tells of processes", async () => {
  const home = await Deno.makeTempDir();
  const executor = createCommandExecutor({ home, instance: "ps", table: psTable });
  const context = createTestContext();
  const command = ["sh", "-c", "sleep 1000 & cat"];
  const running = executor.run(executorInput(command, { interactive: true }), context);
  await context.sent("executor.started");
  context.tell({ type: "executor.input", eof: true });
  const result = await running;
  assertStringIncludes(result.output, "ended what the command had left running");
  const started = await context.sent("executor.started");
  assertEquals(Number.isInteger(started["startedTicks"]), true);
  assertEquals(await processesOf(context.key), []);
  await Deno.remove(home, { recursive: true });
});
