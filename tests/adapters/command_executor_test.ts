import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type CommandExecutorOptions,
  createCommandExecutor,
} from "../../actors/adapters/executor/command.ts";
import {
  ExecutorError,
  type ExecutorInput,
  type ExecutorResult,
} from "../../actors/adapters/executor/executor.ts";
import {
  MAX_PROMPT_BYTES,
  MAX_STORED_BYTES,
} from "../../actors/adapters/executor/executor_limits.ts";
import { type Clock, systemClock } from "../../actors/runtime/clock.ts";
import { executorInput, executorSuite } from "../suites/executor_suite.ts";
import { createTestContext, type TestContext } from "../testing/effect_context.ts";
import { processesOf } from "../testing/processes.ts";

executorSuite((home) => createCommandExecutor({ home, instance: crypto.randomUUID() }));

/** Runs one command to its end. */
async function run(
  command: string[],
  { options = {}, changes = {} }: {
    options?: Partial<CommandExecutorOptions>;
    changes?: Partial<ExecutorInput>;
  } = {},
): Promise<{ result: ExecutorResult; context: TestContext; stored: string }> {
  const home = await Deno.makeTempDir();
  const context = createTestContext();
  try {
    const executor = createCommandExecutor({ home, instance: "test", ...options });
    const result = await executor.run(executorInput(command, changes), context);
    return { result, context, stored: context.appended("output") };
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const FLOOD_WITHIN_MS = 60_000;
const FLOOD_MEMORY_BYTES = 256 * 1024 * 1024;

async function flood(command: string): Promise<{ result: ExecutorResult; stored: string }> {
  const before = Deno.memoryUsage().rss;
  const ran = await run(["sh", "-c", command]);
  assertLess(ran.result.durationMs, FLOOD_WITHIN_MS);
  assertLess(Deno.memoryUsage().rss - before, FLOOD_MEMORY_BYTES);
  assertEquals(ran.result.truncated, true);
  assertLessOrEqual(new TextEncoder().encode(ran.stored).length, MAX_STORED_BYTES);
  return ran;
}

Deno.test("run() takes 50 MB of output", async () => {
  const { result, stored } = await flood("yes 0123456789 | head -c 52428800; echo; echo the end");
  assertEquals(result.outputBytes, 52_428_809);
  assertMatch(
    stored,
    /\n\[holdfast: 44,\d{3},\d{3} bytes cut here; the limit is 8,388,608 bytes\]\n/,
  );
  assertMatch(
    result.output,
    /\n\[holdfast: 52,39\d,\d{3} bytes cut here; the limit is 32,768 bytes\]\n/,
  );
  for (const text of [stored, result.output]) {
    assert(text.startsWith("0123456789\n0123456789\n"));
    assert(text.endsWith("0123456789\n01234\nthe end\n") || text.endsWith("\nthe end\n"));
  }
});

Deno.test("run() takes 50 MB of binary output", async () => {
  const { result, stored } = await flood("head -c 52428800 /dev/urandom");
  assertEquals(result.outputBytes, 52_428_800);
  assert(stored.isWellFormed() && result.output.isWellFormed());
  assertEquals(stored.includes("\0"), false);
});

Deno.test("run() takes a million lines, written one by one", async () => {
  const { result, stored } = await run(["seq", "1", "1000000"]);
  assertLess(result.durationMs, FLOOD_WITHIN_MS);
  assertEquals(stored.split("\n").length, 1_000_001);
  assert(result.output.startsWith("1\n2\n3\n") && result.output.endsWith("999999\n1000000\n"));
  const line = "i=0; while [ $i -lt 100000 ]; do echo $i; i=$((i+1)); done";
  assertEquals((await run(["sh", "-c", line])).stored.split("\n").length, 100_001);
});

Deno.test("run() ends what a command leaves behind, and says so", async () => {
  // One holds the pipes, one has left session and pipes.
  const command = "sleep 1000 & setsid sleep 1001 >/dev/null 2>&1 </dev/null & echo done";
  const { result, context } = await run(["sh", "-c", command]);
  assertEquals(result.exitCode, 0);
  assertMatch(
    result.output,
    /^done\n\[holdfast: ended what the command had left running: process \d+ and 1 more\]\n$/,
  );
  assertEquals(await processesOf(context.key), []);
});

Deno.test("run() lets what a command leaves behind finish by itself", async () => {
  // For whom time stands still, nothing takes too long.
  const clock: Clock = {
    ...systemClock,
    now: () => 0,
    wake: (at, run) => systemClock.wake(systemClock.now() + at, run),
  };
  const { result } = await run(["sh", "-c", "(sleep 0.1; echo late) & echo early"], {
    options: { clock },
  });
  assertEquals(result.output, "early\nlate\n");
});

Deno.test("run() does not wait for a stranger who holds the pipe", async () => {
  // Without marker, group, session or parent in common it cannot be found, and is left.
  const escape = "setsid env -i sh -c '(sleep 60 &) ; exit 0' & wait; echo done";
  const { result } = await run(["sh", "-c", escape]);
  assertStringIncludes(result.output, "done\n");
  assertLess(result.durationMs, 30_000);
});

Deno.test("run() gives the command only the environment that it may have", async () => {
  const server: Record<string, string> = {
    PATH: "/usr/bin:/bin",
    LC_ALL: "C",
    HOLDFAST_TOKEN: "the-token-of-the-server",
    HOLDFAST_HOME: "/data",
    AWS_SECRET_ACCESS_KEY: "the-secret-of-the-server",
    COLOUR: "blue",
    MODEL_API_KEY: "the-key-of-the-model",
  };
  const { result, context } = await run(["env"], {
    options: {
      readEnv: (name) => server[name],
      passEnv: ["COLOUR", "HOLDFAST_HOME"],
      allowedEnv: ["MODEL_API_KEY", "HOLDFAST_TOKEN"],
    },
    changes: {
      env: { GREETING: "hello" },
      envFrom: ["MODEL_API_KEY"],
      prompt: "Fix the build",
      session: "s-1",
      attempt: 2,
      epoch: 5,
    },
  });
  assertEquals(result.output.trim().split("\n").sort(), [
    "COLOUR=blue",
    "GREETING=hello",
    "HOLDFAST_ATTEMPT=2",
    `HOLDFAST_EFFECT_KEY=${context.key}`,
    "HOLDFAST_EPOCH=5",
    "HOLDFAST_INSTANCE=test",
    "HOLDFAST_PROMPT=Fix the build",
    "HOLDFAST_SESSION=s-1",
    "HOLDFAST_TASK_ID=task_1",
    "LC_ALL=C",
    "MODEL_API_KEY=[redacted]",
    "PATH=/usr/bin:/bin",
  ]);
});

Deno.test("run() gives the command the longest prompt that a task may have", async () => {
  const { result } = await run(["sh", "-c", 'printf %s "$HOLDFAST_PROMPT" | wc -c'], {
    changes: { prompt: "é".repeat(MAX_PROMPT_BYTES / 2) },
  });
  assertEquals(result.output.trim(), String(MAX_PROMPT_BYTES));
});

Deno.test("run() sets a variable up to the limit of the system, and refuses a longer one", async () => {
  const withPrompt = (bytes: number) => run(["true"], { changes: { prompt: "x".repeat(bytes) } });
  const room = 131_071 - "HOLDFAST_PROMPT=".length;
  assertEquals((await withPrompt(room)).result.exitCode, 0);
  const error = await assertRejects(() => withPrompt(room + 1), ExecutorError);
  assertEquals([error.code, error.message], [
    "spawn_failed",
    'Cannot set variable "HOLDFAST_PROMPT": it has 131072 bytes with its name, the limit is 131071',
  ]);
});

Deno.test("run() knows a command by its own markers, whatever its prompt says", async () => {
  const home = await Deno.makeTempDir();
  const context = createTestContext();
  const executor = createCommandExecutor({ home, instance: "test" });
  const prompt = "line\nHOLDFAST_EFFECT_KEY=another\nHOLDFAST_INSTANCE=another\n";
  const running = executor.run(executorInput(["sleep", "60"], { prompt }), context);
  await context.sent("executor.started");
  assertEquals((await processesOf(context.key)).length, 1);
  assertEquals(await processesOf("another"), []);
  context.abort(new Error("enough"));
  await assertRejects(() => running, Error, "enough");
  await Deno.remove(home, { recursive: true });
});

Deno.test("run() redacts the secrets that the command was given", async () => {
  const server: Record<string, string> = { PATH: "/usr/bin:/bin", PASSED: "passed-value-1" };
  const { result } = await run(["sh", "-c", "echo $PASSED $DEPLOY_TOKEN configured-1 $PLAIN"], {
    options: {
      readEnv: (name) => server[name],
      allowedEnv: ["PASSED"],
      secrets: ["configured-1"],
    },
    changes: { envFrom: ["PASSED"], env: { DEPLOY_TOKEN: "literal-1", PLAIN: "plain-value" } },
  });
  assertEquals(result.output, "[redacted] [redacted] [redacted] plain-value\n");
});

Deno.test("run() refuses variables that it must not or cannot set", async () => {
  const refused = async (changes: Partial<ExecutorInput>) => {
    const options = { allowedEnv: ["ALLOWED_AND_UNSET"], readEnv: () => undefined };
    const error = await assertRejects(() => run(["true"], { options, changes }), ExecutorError);
    assertEquals(error.code, "spawn_failed");
    return error.message;
  };
  assertStringIncludes(await refused({ envFrom: ["OTHER"] }), "configuration does not allow it");
  assertStringIncludes(await refused({ envFrom: ["ALLOWED_AND_UNSET"] }), "does not have it");
  assertStringIncludes(await refused({ envFrom: ["HOLDFAST_TOKEN"] }), "Holdfast's own");
  assertStringIncludes(await refused({ env: { HOLDFAST_TOKEN: "x" } }), "Holdfast's own");
  assertStringIncludes(await refused({ env: { "A=B": "x" } }), "no name of a variable");
});

Deno.test("run() says what is wrong with a script it cannot start", async () => {
  const path = await Deno.makeTempDir();
  await Deno.writeTextFile(`${path}/script`, "#!/no/such/interpreter\n");
  const start = () => run(["./script"], { changes: { workspace: { path } } });
  assertMatch((await assertRejects(start, ExecutorError)).message, /not executable/);
  await Deno.chmod(`${path}/script`, 0o755);
  assertMatch((await assertRejects(start, ExecutorError)).message, /interpreter .* does not exist/);
  await Deno.remove(path, { recursive: true });
});

Deno.test("run() starts only programs that the configuration allows", async () => {
  const options = { allowRun: ["echo"] };
  assertEquals((await run(["echo", "hi"], { options })).result.output, "hi\n");
  const error = await assertRejects(() => run(["sh", "-c", "true"], { options }), ExecutorError);
  assertEquals(error.code, "permission_denied");
});
