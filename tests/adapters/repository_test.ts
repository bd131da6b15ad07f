import { assert, assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import {
  type CommandExecutorOptions,
  createCommandExecutor,
} from "../../actors/adapters/executor/command.ts";
import {
  type Executor,
  ExecutorError,
  type WorkspaceInput,
} from "../../actors/adapters/executor/executor.ts";
import { sweepOrphans } from "../../actors/adapters/executor/orphans.ts";
import { type Clock, systemClock } from "../../actors/runtime/clock.ts";
import { executorInput } from "../suites/executor_suite.ts";
import { startCommandServer } from "../testing/command_server.ts";
import { createTestContext } from "../testing/effect_context.ts";
import { commitFile, git, makeRepository, serveGit } from "../testing/git_server.ts";
import { eventually, processesOf } from "../testing/processes.ts";

/** A clone that hangs is given up after minutes only; a busy machine may take seconds to end it. */
const ABORTED_WITHIN_MS = 20_000;

type Place = { home: string; instance: string; source: string; executor: Executor };

/** A data directory and a repository, gone after the test. */
async function withRepository(
  test: (place: Place) => Promise<void>,
  options: Partial<CommandExecutorOptions> = {},
): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  const [home, source] = [`${root}/home`, `${root}/source`];
  await makeRepository(source);
  const instance = crypto.randomUUID();
  const executor = createCommandExecutor({ home, instance, ...options });
  try {
    await test({ home, instance, source, executor });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** The output of a shell command in a task's worktree. */
async function shell(
  executor: Executor,
  { taskId, workspace }: { taskId: string; workspace: WorkspaceInput },
  command: string,
): Promise<string> {
  const input = executorInput(["sh", "-c", command], { taskId, workspace });
  const { exitCode, output } = await executor.run(input, createTestContext());
  assertEquals(exitCode, 0, output);
  return output.trim();
}

async function refused(executor: Executor, repo: string, ref?: string): Promise<string> {
  const workspace = { repo, ...(ref === undefined ? {} : { ref }) };
  const error = await assertRejects(
    () => executor.run(executorInput(["true"], { workspace }), createTestContext()),
    ExecutorError,
  );
  return `${error.code}: ${error.message}`;
}

Deno.test("run() checks out a branch, a tag, a commit and any other ref", () =>
  withRepository(async ({ source, executor }) => {
    const first = await git(source, "rev-parse", "HEAD~1");
    await git(source, "tag", "v1", "HEAD~1");
    await git(source, "branch", "feature/one", "HEAD~1");
    // A pull request's head is advertised, but is no branch.
    await git(source, "update-ref", "refs/pull/7/head", "HEAD~1");
    const refs = ["v1", "feature/one", "refs/heads/feature/one", "refs/tags/v1", first];
    for (const [n, ref] of [...refs, first.slice(0, 10), "refs/pull/7/head"].entries()) {
      const at = { taskId: `t${n}`, workspace: { repo: source, ref } };
      assertEquals(await shell(executor, at, "cat file; git branch --show-current"), "one", ref);
    }
    const newest = { taskId: "newest", workspace: { repo: source } };
    assertEquals(await shell(executor, newest, "cat file"), "two");
  }));

Deno.test("run() fetches what is new, for each new task", () =>
  withRepository(async ({ source, executor }) => {
    const workspace = { repo: source, ref: "main" };
    assertEquals(await shell(executor, { taskId: "a", workspace }, "cat file"), "two");
    await commitFile(source, "file", "three");
    assertEquals(await shell(executor, { taskId: "b", workspace }, "cat file"), "three");
    // A rewritten branch too.
    await git(source, "reset", "--quiet", "--hard", "HEAD~2");
    assertEquals(await shell(executor, { taskId: "c", workspace }, "cat file"), "one");
  }));

Deno.test("run() keeps the worktree of a task for its next attempt", () =>
  withRepository(async ({ source, executor }) => {
    const at = { taskId: "a", workspace: { repo: source, ref: "main" } };
    // A killed attempt leaves its locks, too.
    const work = "git switch --quiet -c work; echo more >> file; touch $(git rev-parse --git-dir)";
    await shell(executor, at, `${work}/index.lock`);
    await commitFile(source, "file", "three");
    const commit =
      "git -c user.name=A -c user.email=a@example.org commit --quiet --all --message x";
    assertEquals(await shell(executor, at, `${commit}; git branch --show-current`), "work");
    // Other tasks see the remote's branches, and their own state.
    const other = { ...at, taskId: "b" };
    assertEquals(await shell(executor, other, "cat file; git status --short"), "three");
    assertEquals(await shell(executor, at, "git log --oneline | wc -l; git status --short"), "3");
  }));

Deno.test("run() tells that it prepares a repository before it starts", () =>
  withRepository(async ({ source, executor }) => {
    const context = createTestContext();
    await executor.run(executorInput(["true"], { workspace: { repo: source } }), context);
    assertEquals(context.events.map(({ type }) => type), [
      "executor.preparing",
      "executor.started",
    ]);
  }));

Deno.test("run() serves many tasks of one repository at once", () =>
  withRepository(async ({ source, executor }) => {
    const workspace = { repo: source, ref: "main" };
    const tasks = ["a", "b", "c", "d", "e", "f"];
    const outputs = await Promise.all(
      tasks.map((taskId) => shell(executor, { taskId, workspace }, "cat file; echo; pwd")),
    );
    for (const [n, output] of outputs.entries()) {
      assertMatch(output, new RegExp(`^two\n.*/worktrees/${tasks[n]}$`));
    }
  }));

Deno.test("run() says what is wrong with a repository or a ref", () =>
  withRepository(async ({ source, executor, home }) => {
    assertMatch(
      await refused(executor, `${home}/none`),
      /^clone_failed: Cannot clone ".*none": .*does not appear to be a git repository/s,
    );
    assertMatch(
      await refused(executor, source, "nope"),
      /^clone_failed: Cannot check out "nope" of ".*": it has no such branch, tag or commit$/,
    );
    assertMatch(await refused(executor, source, "0".repeat(40)), /^clone_failed: Cannot check out/);
    assertMatch(
      await refused(executor, "https://user:hunter2@host.invalid/x.git"),
      /^network: Cannot clone "https:\/\/user:\[redacted\]@host.invalid\/x.git": .*resolve host/s,
    );
    await makeRepository(`${home}/empty/full`);
    await git(`${home}/empty`, "init", "--quiet", "bare", "--bare");
    assertMatch(await refused(executor, `${home}/empty/bare`), /^clone_failed: .*no commit yet$/);
    // A failure leaves nothing that a later success trips over.
    assertEquals(
      await shell(executor, { taskId: "task_1", workspace: { repo: source } }, "cat file"),
      "two",
    );
  }));

Deno.test("run() lets neither address nor ref become an option, a helper or an expression", () =>
  withRepository(async ({ source, executor, home }) => {
    const addresses = [
      ...["--upload-pack=touch owned", "-uowned", "ext::sh -c touch% owned", "fd::7", "x"],
      ...["ssh://-oProxyCommand=x/y", "ssh://a@-oProxyCommand=x/y", "http://host/x", "/a\nb", ""],
    ];
    for (const repo of addresses) {
      assertMatch(await refused(executor, repo), /^clone_failed: .*want an https, ssh/s, repo);
    }
    const refs = ["-f", "--force", "main..x", "main~1", "main:file", "@{1}", "a b", "", "x.lock"];
    for (const ref of refs) {
      assertMatch(
        await refused(executor, source, ref),
        /^clone_failed: .*cannot be the name/s,
        ref,
      );
    }
    await assertRejects(() => Deno.stat(`${home}/repos`), Deno.errors.NotFound);
  }));

Deno.test("run() runs no hook of the user's configuration", async () => {
  const config = await Deno.makeTempDir();
  await Deno.writeTextFile(`${config}/post-checkout`, `#!/bin/sh\ntouch ${config}/owned\n`);
  await Deno.chmod(`${config}/post-checkout`, 0o755);
  await Deno.writeTextFile(`${config}/gitconfig`, `[core]\n\thooksPath = ${config}\n`);
  const readEnv = (name: string) =>
    name === "GIT_CONFIG_GLOBAL" ? `${config}/gitconfig` : Deno.env.get(name);
  await withRepository(async ({ source, executor }) => {
    await shell(executor, { taskId: "a", workspace: { repo: source } }, "cat file");
  }, { readEnv });
  await assertRejects(() => Deno.stat(`${config}/owned`), Deno.errors.NotFound);
  await Deno.remove(config, { recursive: true });
});

Deno.test("run() stops a clone when aborted", () =>
  withRepository(async ({ source, executor }) => {
    const server = serveGit(source);
    server.hang = true;
    const context = createTestContext();
    const workspace = { repo: server.url(".git") };
    const running = executor.run(executorInput(["true"], { workspace }), context);
    await server.hanging();
    const abortedAt = Date.now();
    context.abort(new Error("cancelled"));
    await assertRejects(() => running, Error, "cancelled");
    assertLess(Date.now() - abortedAt, ABORTED_WITHIN_MS);
    assertEquals(await processesOf(context.key), []);
    // Those who waited for the same mirror are not held up, and a later try succeeds.
    server.hang = false;
    assertEquals(await shell(executor, { taskId: "b", workspace }, "cat file"), "two");
    await server.close();
  }));

Deno.test("run() lets a waiting task go when it is aborted before its turn", () =>
  withRepository(async ({ source, executor }) => {
    const server = serveGit(source);
    server.hang = true;
    const workspace = { repo: server.url(".git") };
    const [first, second] = [createTestContext(), createTestContext()];
    const running = executor.run(executorInput(["true"], { workspace, taskId: "a" }), first);
    const failed = assertRejects(() => running, Error, "first");
    await server.hanging();
    const waiting = executor.run(executorInput(["true"], { workspace, taskId: "b" }), second);
    await second.sent("executor.preparing");
    second.abort(new Error("second"));
    await assertRejects(() => waiting, Error, "second");
    first.abort(new Error("first"));
    await failed;
    await server.close();
  }));

Deno.test("run() recovers from a server killed while it cloned", () =>
  withRepository(async ({ home, instance, source, executor }) => {
    const server = serveGit(source);
    server.hang = true;
    const workspace = { repo: server.url(".git"), ref: "main" };
    const at = { home, instance, key: `task:clone/1/${crypto.randomUUID()}` };
    const killed = startCommandServer(at, executorInput(["true"], { workspace }));
    await server.hanging();
    await killed.kill();
    await eventually(async () => (await processesOf(at.key)).length > 0);
    const { found } = await sweepOrphans({ instance, live: new Set() });
    assert(found.some(({ key }) => key === at.key));
    server.hang = false;
    assertEquals(await shell(executor, { taskId: "task_1", workspace }, "cat file"), "two");
    await server.close();
  }));

Deno.test("run() makes a torn worktree anew", () =>
  withRepository(async ({ home, source, executor }) => {
    const at = { taskId: "a", workspace: { repo: source, ref: "main" } };
    const adminDir = await shell(executor, at, "git rev-parse --git-dir");
    const path = `${home}/worktrees/a`;
    const tears: (() => Promise<void>)[] = [
      // What git leaves when it is killed while it adds: files missing, locked for ever.
      async () => {
        await Deno.remove(`${adminDir}/holdfast-ready`);
        await Deno.writeTextFile(`${adminDir}/locked`, "initializing");
        await Deno.remove(`${path}/file`);
      },
      () => Deno.remove(path, { recursive: true }),
      () => Deno.remove(`${path}/.git`),
      () => Deno.remove(adminDir, { recursive: true }),
      () => Deno.remove(`${adminDir}/gitdir`).then(() => Deno.remove(`${path}/.git`)),
    ];
    for (const tear of tears) {
      await tear();
      assertEquals(await shell(executor, at, "cat file; git status --short"), "two");
      assertEquals(await shell(executor, at, "git rev-parse --git-dir"), adminDir);
    }
  }));

Deno.test("run() removes the locks that a killed git left in the mirror, and no others", () => {
  let aheadMs = 0;
  const clock: Clock = {
    now: () => Date.now() + aheadMs,
    wake: (at, run) => systemClock.wake(at - aheadMs, run),
    soon: systemClock.soon,
  };
  return withRepository(async ({ home, instance, source, executor }) => {
    const workspace = { repo: source, ref: "main" };
    const gitDir = await shell(executor, { taskId: "a", workspace }, "git rev-parse --git-dir");
    const mirror = gitDir.replace(/\/worktrees\/.*$/, "");
    const leaveLocks = async (content: string) => {
      for (const lock of ["packed-refs.lock", "refs/remotes/origin/main.lock", "shallow.lock"]) {
        await Deno.writeTextFile(`${mirror}/${lock}`, "");
      }
      await commitFile(source, "file", content);
    };
    await leaveLocks("three");
    // Somebody may hold a fresh lock, unless it is from before the server's start.
    assertMatch(await refused(executor, source), /^clone_failed: .*\.lock': File exists/s);
    const restarted = createCommandExecutor({ home, instance });
    assertEquals(await shell(restarted, { taskId: "b", workspace }, "cat file"), "three");
    await leaveLocks("four");
    aheadMs = 5 * 60_000;
    assertEquals(await shell(executor, { taskId: "c", workspace }, "cat file"), "four");
  }, { clock });
});
