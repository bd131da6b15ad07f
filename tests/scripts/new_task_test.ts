import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments, UsageError } from "../../scripts/lib/args.ts";
import { NEW_TASK_OPTIONS, newTask } from "../../scripts/lib/new_task.ts";
import { taskExitCode } from "../../scripts/lib/task_exit_code.ts";

const SPEC = {
  name: "run",
  summary: "",
  positionals: [{ name: "command", help: "", rest: true }],
  options: NEW_TASK_OPTIONS,
  examples: [],
} as const;

/** The body that a command line makes, as it is sent. */
function bodyOf(...args: string[]): unknown {
  const { options, positionals } = parseArguments(SPEC, args);
  const body = newTask(positionals, options, { cwd: "/projects/site", dependsOn: [] });
  return JSON.parse(JSON.stringify(body));
}

Deno.test("newTask() sends no more than what was given", () => {
  assertEquals(bodyOf("--", "deno", "--version"), {
    executor: "command",
    command: ["deno", "--version"],
    trigger: "manual",
  });
});

Deno.test("newTask() takes every option", () => {
  const body = bodyOf(
    ...["--title", "Build", "--workspace", "web", "--priority", "high", "--timeout", "10m"],
    ...["--label", "team=web", "--label", "note=a=b", "--key", "deploy", "--max-attempts", "3"],
    ...["--env", "MODE=fast", "--env", "EMPTY=", "--env-from", "API_KEY", "--", "make", "-j"],
  );
  assertEquals(body, {
    executor: "command",
    command: ["make", "-j"],
    title: "Build",
    workspace: { path: "/projects/site/web" },
    priority: "high",
    timeoutMs: 600_000,
    maxAttempts: 3,
    labels: { team: "web", note: "a=b" },
    key: "deploy",
    env: { MODE: "fast", EMPTY: "" },
    envFrom: ["API_KEY"],
    trigger: "manual",
  });
  const { workspace } = bodyOf("--repo", "https://example.com/a.git", "--ref", "main", "ls") as {
    workspace: unknown;
  };
  assertEquals(workspace, { repo: "https://example.com/a.git", ref: "main" });
});

const MISTAKES: readonly (readonly [string[], string])[] = [
  [["--workspace", ".", "--repo", "x", "ls"], "Cannot use --workspace and --repo together"],
  [["--ref", "main", "ls"], `Cannot use --ref "main": want --repo with it`],
  [["--label", "team", "ls"], `Cannot use --label "team": want NAME=VALUE`],
  [["--env", "=x", "ls"], `Cannot use --env "=x": want NAME=VALUE`],
  [["--timeout", "10", "ls"], `Cannot use --timeout "10": want a time`],
  [["ls", "--colour"], "Cannot use --colour: there is no such option"],
];

for (const [args, message] of MISTAKES) {
  Deno.test(`run refuses ${args.join(" ")}`, () => {
    assertThrows(() => bodyOf(...args), UsageError, message);
  });
}

const ENDINGS = [
  [{ state: "succeeded", result: { exitCode: 0 } }, 0],
  [{ state: "failed", result: { exitCode: 3 }, error: { code: "exit_code" } }, 3],
  [{ state: "failed", result: { exitCode: null, signal: "SIGKILL" } }, 137],
  [{ state: "failed", result: null, error: { code: "command_not_found" } }, 127],
  [{ state: "failed", result: null, error: { code: "permission_denied" } }, 126],
  [{ state: "failed", result: null, error: { code: "clone_failed" } }, 1],
  [{ state: "timedOut", result: null, error: { code: "timeout" } }, 124],
  [{ state: "cancelled", result: null, error: { code: "cancelled" } }, 130],
] as const;

for (const [ending, code] of ENDINGS) {
  Deno.test(`taskExitCode() of ${JSON.stringify(ending)} is ${code}`, () => {
    const common = { id: "task_1", status: "done", revision: 5, createdAt: "" };
    const error = "error" in ending ? { message: "", ...ending.error } : null;
    assertEquals(taskExitCode({ ...common, ...ending, error }), code);
  });
}

Deno.test("newTask() runs in a VM that is there, or in one of its own", () => {
  const inVm = bodyOf("--vm", "vm_1", "--workspace", "src", "--", "make");
  assertEquals(inVm, {
    executor: "command",
    command: ["make"],
    vm: "vm_1",
    workspace: { path: "src" },
    trigger: "manual",
  });
  const own = bodyOf("--vm", "new", "--repo", "https://example.com/a.git", "--", "make");
  assertEquals(own, {
    executor: "command",
    command: ["make"],
    vm: { repo: "https://example.com/a.git" },
    trigger: "manual",
  });
  assertThrows(() => bodyOf("--vm", "vm_1", "--repo", "x", "--", "make"), UsageError, "--repo");
});
