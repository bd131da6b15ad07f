/**
 * What every executor of the port must do, whatever carries out its commands. The commands are
 * plain POSIX ones.
 */
import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type Executor,
  ExecutorError,
  type ExecutorInput,
} from "../../actors/adapters/executor/executor.ts";
import { createTestContext } from "../testing/effect_context.ts";
import { eventually, processesOf, processOf } from "../testing/processes.ts";

/** Spec: a cancelled task is gone within 5 s, which a busy machine may make longer. */
const CANCEL_WITHIN_MS = 20_000;

/** An input that runs `command`, with the defaults that most tests want. */
export function executorInput(
  command: string[],
  changes: Partial<ExecutorInput> = {},
): ExecutorInput {
  return {
    taskId: "task_1",
    attempt: 1,
    epoch: 1,
    command,
    prompt: null,
    session: null,
    workspace: null,
    env: {},
    envFrom: [],
    interactive: false,
    activityEveryMs: 1_000,
    killGraceMs: 200,
    previous: null,
    vm: null,
    ...changes,
  };
}

/** Registers the suite; `create` is given an empty data directory. */
export function executorSuite(create: (home: string) => Executor): void {
  const within = (test: (executor: Executor) => Promise<void>) => async () => {
    const home = await Deno.makeTempDir();
    try {
      await test(create(home));
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  };

  Deno.test("run() returns exit code, output and directory", within(results));
  Deno.test("run() returns a failed command as a result", within(failures));
  Deno.test("run() refuses what it cannot run, with a code", within(refusals));
  Deno.test("run() tells its owner of the start, then of activity", within(reports));
  Deno.test("run() keeps the directory of a task between attempts", within(directories));
  Deno.test("run() ends the command when aborted, and keeps its output", within(aborts));
  Deno.test("run() kills a command that ignores SIGTERM", within(kills));
  Deno.test("run() starts nothing when aborted before", within(abortedBefore));
  Deno.test("run() ends the command when its owner is gone", within(ownerGone));
  Deno.test("run() pauses and resumes the command", within(pauses));
  Deno.test("run() ends a paused command when aborted", within(abortsPaused));
  Deno.test("run() interrupts the command", within(interrupts));
  Deno.test("run() passes input on to an interactive command", within(inputs));
  Deno.test("run() drops input that the command cannot take, and says so", within(dropped));
  Deno.test("run() redacts secrets in output", within(redacts));
  Deno.test("reattach() throws when nothing is left of the attempt", within(reattaches));
  Deno.test("available() says what it found", within(available));
}

async function results(executor: Executor): Promise<void> {
  const context = createTestContext();
  const command = ["sh", "-c", "echo out; echo err >&2; pwd"];
  const result = await executor.run(executorInput(command), context);
  assertEquals(result.exitCode, 0);
  assertEquals(result.signal, null);
  assertEquals(result.truncated, false);
  assertStringIncludes(result.output, "out\n");
  assertStringIncludes(result.output, "err\n");
  assertStringIncludes(result.output, `${result.workDir}\n`);
  assertEquals(result.outputBytes, result.output.length);
  assertEquals(context.appended("output"), result.output);
}

async function failures(executor: Executor): Promise<void> {
  const exited = await executor.run(executorInput(["sh", "-c", "exit 3"]), createTestContext());
  assertEquals([exited.exitCode, exited.signal], [3, null]);
  const killed = await executor.run(executorInput(["sh", "-c", "kill -9 $$"]), createTestContext());
  assertEquals([killed.exitCode, killed.signal], [null, "SIGKILL"]);
}

async function refusals(executor: Executor): Promise<void> {
  const refused = async (changes: Partial<ExecutorInput>) => {
    const run = () => executor.run(executorInput(["true"], changes), createTestContext());
    const error = await assertRejects(run, ExecutorError);
    return `${error.code}: ${error.message}`;
  };
  assertMatch(
    await refused({ command: ["no-such-program"] }),
    /^command_not_found: Cannot run "no-such-program": no such program on PATH/,
  );
  assertMatch(await refused({ command: ["./none"] }), /^command_not_found: .*no such file in/);
  assertMatch(await refused({ command: ["/etc/passwd"] }), /^permission_denied: .*chmod \+x/);
  assertMatch(await refused({ command: [] }), /^spawn_failed: .*empty/);
  assertMatch(await refused({ command: ["echo", "a\0b"] }), /^spawn_failed: Cannot run "echo"/);
  assertMatch(
    await refused({ workspace: { path: "/no/such/place" } }),
    /^workspace_not_found: Cannot use workspace "\/no\/such\/place": there is no such directory/,
  );
  assertMatch(
    await refused({ workspace: { path: "/etc/passwd" } }),
    /^workspace_not_found: .*not a/,
  );
  assertMatch(await refused({ workspace: { path: "here" } }), /^workspace_not_found: .*full path/);
}

async function reports(executor: Executor): Promise<void> {
  const context = createTestContext();
  const input = executorInput(["sh", "-c", "echo $$; pwd; sleep 0.05; echo"], {
    activityEveryMs: 60_000,
  });
  const { output } = await executor.run(input, context);
  const [pid, workDir] = output.trim().split("\n");
  const [started, activity, ...others] = context.events;
  assertEquals(started?.type, "executor.started");
  assertEquals([started?.["pid"], started?.["workDir"]], [Number(pid), workDir]);
  assertEquals(activity, { type: "executor.activity" });
  assertEquals(others, [], "activity is told at most once every activityEveryMs");
}

async function directories(executor: Executor): Promise<void> {
  const run = (taskId: string, command: string) =>
    executor.run(executorInput(["sh", "-c", command], { taskId }), createTestContext());
  assertEquals((await run("a", "ls -A; touch kept")).output, "");
  assertEquals((await run("a", "ls -A")).output, "kept\n");
  assertEquals((await run("b", "ls -A")).output, "");
  // An id of another system may hold anything that an address may.
  const inside = (await run("../../etc", "pwd")).output.trim();
  const parent = ((await run("a", "pwd")).output.trim()).replace(/\/a$/, "");
  assertEquals(inside, `${parent}/%2E.%2F..%2Fetc`);
}

async function aborts(executor: Executor): Promise<void> {
  const context = createTestContext();
  const running = executor.run(executorInput(["sh", "-c", "echo before; sleep 1000"]), context);
  await context.until(() => context.appended("output").includes("before"));
  context.abort(new Error("cancelled by a test"));
  await assertRejects(() => running, Error, "cancelled by a test");
  assertEquals(await processesOf(context.key), []);
  assertEquals(context.appended("output"), "before\n");
}

async function kills(executor: Executor): Promise<void> {
  const context = createTestContext();
  const stubborn = "trap '' TERM; echo ready; while :; do sleep 1000; done";
  const running = executor.run(executorInput(["sh", "-c", stubborn]), context);
  await context.until(() => context.appended("output").includes("ready"));
  const abortedAt = Date.now();
  context.abort(new Error("cancelled"));
  await assertRejects(() => running, Error, "cancelled");
  assertLess(Date.now() - abortedAt, CANCEL_WITHIN_MS);
  assertEquals(await processesOf(context.key), []);
}

async function abortedBefore(executor: Executor): Promise<void> {
  const context = createTestContext();
  context.abort(new Error("too late"));
  await assertRejects(
    () => executor.run(executorInput(["sleep", "1000"]), context),
    Error,
    "too late",
  );
  assertEquals(context.events, []);
}

async function ownerGone(executor: Executor): Promise<void> {
  const context = createTestContext({
    onSend() {
      throw new Error("the owner is gone");
    },
  });
  await assertRejects(
    () => executor.run(executorInput(["sleep", "1000"]), context),
    Error,
    "the owner is gone",
  );
  assertEquals(await processesOf(context.key), []);
}

async function pauses(executor: Executor): Promise<void> {
  const context = createTestContext();
  const running = executor.run(executorInput(["cat"], { interactive: true }), context);
  const { pid } = await context.sent("executor.started");
  context.tell({ type: "executor.pause" });
  await eventually(async () => (await processOf(pid))?.stopped === true);
  context.tell({ type: "executor.resume" });
  await eventually(async () => (await processOf(pid))?.stopped === false);
  context.tell({ type: "executor.input", eof: true });
  assertEquals((await running).exitCode, 0);
}

async function abortsPaused(executor: Executor): Promise<void> {
  const context = createTestContext();
  const command = "trap 'echo ended; exit' TERM; echo ready; while :; do sleep 0.01; done";
  const input = executorInput(["sh", "-c", command], { killGraceMs: 3_500 });
  const running = executor.run(input, context);
  const { pid } = await context.sent("executor.started");
  await context.until(() => context.appended("output").includes("ready"));
  context.tell({ type: "executor.pause" });
  await eventually(async () => (await processOf(pid))?.stopped === true);
  context.abort(new Error("cancelled"));
  await assertRejects(() => running, Error, "cancelled");
  // Killed, or stopped until then, it would not have said so.
  assertStringIncludes(context.appended("output"), "ended\n");
}

async function interrupts(executor: Executor): Promise<void> {
  const context = createTestContext();
  const command = "trap 'exit 7' INT; echo ready; while :; do sleep 0.01; done";
  const running = executor.run(executorInput(["sh", "-c", command]), context);
  await context.until(() => context.appended("output").includes("ready"));
  context.tell({ type: "executor.interrupt" });
  assertEquals((await running).exitCode, 7);
}

async function inputs(executor: Executor): Promise<void> {
  const context = createTestContext();
  const running = executor.run(executorInput(["cat"], { interactive: true }), context);
  // Told before the command runs: kept until then.
  context.tell({ type: "executor.input", data: "early\n" });
  await context.until(() => context.appended("output").includes("early"));
  context.tell({ type: "executor.input", data: "späť 🦕\n", eof: true });
  assertEquals((await running).output, "early\nspäť 🦕\n");
}

async function dropped(executor: Executor): Promise<void> {
  const deaf = createTestContext();
  const read = executor.run(executorInput(["cat"]), deaf);
  deaf.tell({ type: "executor.input", data: "x" });
  deaf.tell({ type: "executor.input", data: "y" });
  assertMatch((await read).output, /^\[holdfast: input dropped: [^\n]* interactive\]\n$/);

  const closed = createTestContext();
  const command = ["sh", "-c", "exec 0<&-; echo closed; while [ ! -e go ]; do sleep 0.01; done"];
  const running = executor.run(executorInput(command, { interactive: true }), closed);
  const { workDir } = await closed.sent("executor.started");
  await closed.until(() => closed.appended("output").includes("closed"));
  closed.tell({ type: "executor.input", data: "x" });
  await closed.until(() => closed.appended("output").includes("has closed its standard input"));
  await Deno.writeTextFile(`${workDir}/go`, "");
  assertEquals((await running).exitCode, 0);
}

async function redacts(executor: Executor): Promise<void> {
  const context = createTestContext();
  const secret = `ghp_${"a1".repeat(18)}`;
  // In two writes, some time apart: a secret must be seen whole all the same.
  const command = `printf 'x ${secret.slice(0, 20)}'; sleep 0.05; echo '${secret.slice(20)} y'`;
  const result = await executor.run(executorInput(["sh", "-c", command]), context);
  assertEquals(result.output, "x [redacted] y\n");
  assertEquals(context.appended("output"), "x [redacted] y\n");
}

async function reattaches(executor: Executor): Promise<void> {
  const error = await assertRejects(
    () => executor.reattach(executorInput(["true"], { attempt: 4 }), createTestContext()),
    ExecutorError,
  );
  assertEquals(error.code, "orphaned");
  assertStringIncludes(error.message, "attempt 4");
  assertStringIncludes(error.message, "its process was gone");
}

async function available(executor: Executor): Promise<void> {
  const { ok, reason, details } = await executor.available();
  assert(ok, reason ?? "");
  assertEquals(details["platform"], Deno.build.os);
}
