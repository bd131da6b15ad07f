/** The scripts that talk to a server, run as people run them, on a real server. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../scripts/lib/exit_codes.ts";
import { readLines } from "../testing/lines.ts";
import { freePort, runTask, taskCommand, type TaskRun } from "../testing/run_task.ts";
import { startServer, type TestServer } from "../testing/server.ts";

/** Runs scripts against one server. */
function scriptsOf(server: TestServer) {
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  return (name: string, ...args: string[]): Promise<TaskRun> => runTask(name, args, { env });
}

/** A server on a port that it keeps over restarts. */
function startAtPort(): Promise<TestServer> {
  return startServer({ env: { HOLDFAST_LISTEN: `127.0.0.1:${freePort()}` } });
}

Deno.test("run prints the output of a task and passes on how it ended", async (t) => {
  await using server = await startServer();
  const script = scriptsOf(server);

  await t.step("output on stdout, notes on stderr", async () => {
    const { code, stdout, stderr } = await script("run", "--", "echo", "hello", "--json");
    assertEquals([code, stdout], [0, "hello --json\n"]);
    assertMatch(stderr, /^Task task_\S+\n$/);
  });

  await t.step("the command's exit code", async () => {
    const { code, stderr } = await script("run", "--", "sh", "-c", "exit 7");
    assertEquals(code, 7);
    assertStringIncludes(stderr, "Command exited with code 7");
  });

  await t.step("a command that is not there", async () => {
    assertEquals((await script("run", "-q", "--", "no-such-program")).code, 127);
  });

  await t.step("a time limit", async () => {
    const args = ["--timeout", "50ms", "--max-attempts", "1", "--", "sleep", "60"];
    assertEquals((await script("run", ...args)).code, 124);
  });

  await t.step("the whole task as JSON, and nothing else", async () => {
    const args = ["--json", "--label", "a=b", "--title", "Say it", "--", "echo", "hello"];
    const { stdout, stderr } = await script("run", ...args);
    const { state, title, labels, result } = JSON.parse(stdout);
    assertEquals([state, title, labels], ["succeeded", "Say it", { a: "b" }]);
    assertEquals([result.exitCode, result.output, stderr], [0, "hello\n", ""]);
  });

  await t.step("paths as they are meant where the caller is", async () => {
    const cwd = await Deno.makeTempDir();
    const env = { HOLDFAST_LISTEN: new URL(server.url).host };
    const run = await runTask("run", ["--workspace", ".", "--", "pwd", "-P"], { env, cwd });
    assertEquals(run.stdout, `${await Deno.realPath(cwd)}\n`);
    await Deno.remove(cwd);
  });

  await t.step("no command at all", async () => {
    const { code, stderr } = await script("run", "--priority", "high");
    assertEquals(code, EXIT.usage);
    assertStringIncludes(stderr, "Cannot run nothing: want a program and its arguments, after --");
  });

  await t.step("what the server refuses is a mistake in the arguments", async () => {
    const { code, stderr } = await script("run", "--priority", "huge", "--", "true");
    assertEquals(code, EXIT.usage);
    assertStringIncludes(stderr, "/priority");
  });
});

Deno.test("tasks are listed, inspected, sent events, stopped and counted by scripts", async (t) => {
  await using server = await startServer();
  const script = scriptsOf(server);
  const start = async (...args: string[]) =>
    (await script("run", "--detach", ...args, "--", "sleep", "60")).stdout.trim();
  const first = await start("--label", "team=web");
  const second = await start("--priority", "high");

  await t.step("ls: newest first, filtered, ids alone, as JSON", async () => {
    assertEquals((await script("ls", "-q")).stdout, `${second}\n${first}\n`);
    assertEquals((await script("ls", "-q", "--label", "team=web")).stdout, `${first}\n`);
    assertEquals((await script("ls", "-q", "--priority", "high")).stdout, `${second}\n`);
    assertEquals((await script("ls", "-q", "--state", "succeeded")).stdout, "");
    assertEquals(JSON.parse((await script("ls", "--json", "-n", "1")).stdout)[0].id, second);
    assertEquals(
      (await script("ls", "-q", "--kind", "task", "--sort", "oldest", "--all")).stdout,
      `${first}\n${second}\n`,
    );
  });

  await t.step("ls: none at all is no list", async () => {
    const { code, stderr } = await script("ls", "--limit", "0");
    assertEquals(code, EXIT.usage);
    assertStringIncludes(stderr, `Cannot use --limit "0": want 1 or more`);
  });

  await t.step("inspect: by id, beginning of an id, and address", async () => {
    const [byId, byBeginning, byAddress] = await Promise.all([
      script("inspect", "--json", first),
      script("inspect", "--json", first.slice("task_".length, -3)),
      script("inspect", "--json", `task:${first}`),
    ]);
    const { address, history, accepts } = JSON.parse(byId.stdout);
    assertEquals(address, `task:${first}`);
    assertEquals(history[0].event.type, "xstate.init");
    assert(accepts.includes("task.cancel"));
    assertEquals(JSON.parse(byBeginning.stdout).address, address);
    assertEquals(JSON.parse(byAddress.stdout).address, address);
    assertStringIncludes((await script("inspect", first)).stdout, "History\n");
  });

  await t.step("inspect --at: as it was", async () => {
    const { revision, state } = JSON.parse(
      (await script("inspect", first, "--at", "1", "--json")).stdout,
    );
    assertEquals([revision, state], [1, "queued"]);
  });

  await t.step("inspect: what is not there, and what is not clear", async () => {
    assertEquals((await script("inspect", "nope")).code, EXIT.notFound);
    const { code, stderr } = await script("inspect", "task_");
    assertEquals(code, EXIT.usage);
    assertStringIncludes(stderr, `Cannot tell which task "task_" is`);
  });

  await t.step(
    "send: durable once for its key, refused where the state does not take it",
    async () => {
      await untilRunning(server, second);
      const pause = () => script("send", second, "task.pause", "--key", "p1", "--json");
      assertEquals(JSON.parse((await pause()).stdout).duplicate, false);
      assertEquals(JSON.parse((await pause()).stdout).duplicate, true);
      const { code, stderr } = await script("send", second, "task.pause");
      assertEquals(code, EXIT.failed);
      assertStringIncludes(stderr, `state is "running.paused", it accepts`);
      const stale = await script("send", second, "task.resume", "--expect-revision", "1");
      assertStringIncludes(stale.stderr, "expected 1");
      assertEquals((await script("send", second, "task.resume", "--data", "[]")).code, EXIT.usage);
    },
  );

  await t.step(
    "stop: says what it would do, does it, and takes ended ones as stopped",
    async () => {
      const rehearsed = await script("stop", "--all", "--label", "team=web", "--dry-run", "-q");
      assertEquals(rehearsed.stdout, `${first}\n`);
      assertEquals((await script("stop", first)).code, 0);
      const again = await script("stop", first, second);
      assertEquals(again.code, 0);
      assertMatch(again.stdout, new RegExp(`${first} +cancelled +had ended already`));
      assertEquals((await script("stop", "--all", "-q")).stdout, "");
      assertEquals((await script("stop")).code, EXIT.usage);
      assertEquals((await script("stop", "nope")).code, EXIT.notFound);
    },
  );

  await t.step("stats: actors by state, pools, figures", async () => {
    const { health, actors, pools, figures } = JSON.parse((await script("stats", "--json")).stdout);
    assertEquals(health.status, "ready");
    const tasks = actors.filter(({ kind }: { kind: string }) => kind === "task");
    assertEquals(tasks, [{ kind: "task", state: "cancelled", status: "done", count: 2 }]);
    assertEquals(pools.find(({ name }: { name: string }) => name === "system").held, 0);
    assertEquals(figures.dead_letters, 0);
    assertStringIncludes((await script("stats")).stdout, "Server is ready");
  });
});

Deno.test("logs prints what a task has written, and follows it to its end", async () => {
  await using server = await startServer();
  const script = scriptsOf(server);
  const pipe = await Deno.makeTempFile();
  const wait = `echo one; while [ ! -s ${pipe} ]; do sleep 0.01; done; echo two`;
  const { stdout: id } = await script("run", "-d", "--", "sh", "-c", wait);
  const child = taskCommand("logs", ["-f", id.trim()], {
    env: { HOLDFAST_LISTEN: new URL(server.url).host },
  }).spawn();
  const lines = readLines(child.stdout);
  assertEquals(await lines.next(), "one");
  assertEquals((await script("logs", id.trim())).stdout, "one\n");
  await Deno.writeTextFile(pipe, "go");
  assertEquals(await lines.rest(), ["two"]);
  assertEquals((await child.status).code, 0);
  await child.stderr.cancel();
  const rows = (await script("logs", id.trim(), "--json")).stdout.trim().split("\n");
  assertEquals(rows.map((row) => JSON.parse(row).data).join(""), "one\ntwo\n");
  await Deno.remove(pipe);
});

Deno.test("run cancels its task on Ctrl-C and ends with 130", async () => {
  await using server = await startServer();
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  const child = taskCommand("run", ["--", "sh", "-c", "echo begun; sleep 60"], { env }).spawn();
  const lines = readLines(child.stdout);
  assertEquals(await lines.next(), "begun");
  child.kill("SIGINT");
  assertEquals((await child.status).code, 130);
  assertEquals(await lines.rest(), []);
  const notes = await readLines(child.stderr).rest();
  assertStringIncludes(notes.join("\n"), "Cancelling task_");
  assertStringIncludes((await scriptsOf(server)("ls")).stdout, "cancelled");
});

Deno.test("run cancels its task when the reader of its output goes, and ends with 141", async () => {
  await using server = await startServer();
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  const child = taskCommand("run", ["--", "yes"], { env }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals((await child.status).code, 141);
  assertMatch((await readLines(child.stderr).rest()).join("\n"), /^Task task_\S+$/);
  assertStringIncludes((await scriptsOf(server)("ls")).stdout, "cancelled");
});

Deno.test("run goes on behind what it has shown when the server was killed and is back", async () => {
  await using server = await startAtPort();
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  const go = await Deno.makeTempFile();
  const wait = `echo begun; while [ ! -s ${go} ]; do sleep 0.01; done; echo done`;
  const child = taskCommand("run", ["--", "sh", "-c", wait], { env }).spawn();
  const [lines, notes] = [readLines(child.stdout), readLines(child.stderr)];
  assertEquals(await lines.next(), "begun");
  await server.kill();
  await notes.until((line) => line.startsWith("The server is gone"));
  await server.start();
  await Deno.writeTextFile(go, "go");
  // The attempt that was cut off is tried again from its beginning; nothing is shown twice.
  assertEquals(await lines.rest(), ["begun", "done"]);
  assertEquals((await child.status).code, 0);
  assertMatch((await notes.rest()).join("\n"), /is tried again/);
  await Deno.remove(go);
});

Deno.test("ls --watch prints each task as it changes", async () => {
  await using server = await startServer();
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  const child = taskCommand("ls", ["--watch"], { env }).spawn();
  const lines = readLines(child.stdout);
  // It lists at the beginning and at each change, so that none made after the start is missed.
  const script = scriptsOf(server);
  const id = (await script("run", "-d", "--", "true")).stdout.trim();
  await lines.until((line) => line.startsWith(id) && line.includes("succeeded"));
  child.kill("SIGTERM");
  await child.status;
  await Promise.all([lines.rest(), child.stderr.cancel()]);
});

Deno.test("scripts say how to start a server that is not there, and show the token's place", async () => {
  const env = { HOLDFAST_LISTEN: `127.0.0.1:${freePort()}` };
  for (const [name, ...args] of [["ls"], ["run", "--", "true"], ["stop", "x"], ["stats"]]) {
    const { code, stderr } = await runTask(name ?? "", args, { env });
    assertEquals(code, EXIT.unavailable);
    assertStringIncludes(stderr, `start it with "deno task start"`);
  }
  await using server = await startServer({ env: { HOLDFAST_TOKEN: "s3cret" } });
  const listen = { HOLDFAST_LISTEN: new URL(server.url).host };
  const refused = await runTask("ls", [], { env: listen });
  assertEquals(refused.code, EXIT.failed);
  assertStringIncludes(refused.stderr, "HOLDFAST_TOKEN");
  const { code } = await runTask("ls", ["--url", server.url], {
    env: { HOLDFAST_TOKEN: "s3cret" },
  });
  assertEquals(code, 0);
});

Deno.test("every script explains itself and its exit codes", async () => {
  const names = ["run", "ls", "inspect", "logs", "stop", "send", "stats", "new-kind"];
  const offline = ["migrate", "check-machines", "replay", "backup", "fork", "prune"];
  await Promise.all([...names, ...offline].map(async (name) => {
    const { code, stdout } = await runTask(name, ["--help"]);
    assertEquals(code, 0);
    assertMatch(stdout, new RegExp(`Usage: deno task ${name} `));
    assertMatch(stdout, /Exit codes:\n +0 /);
  }));
});

/** Waits until a task is at work, by asking again and again. */
async function untilRunning(server: TestServer, id: string): Promise<void> {
  for (;;) {
    const { state } = await (await server.fetch(`/v1/tasks/${id}`)).json();
    if (state.startsWith("running.")) return;
  }
}
