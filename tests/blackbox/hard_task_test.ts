/**
 * Tasks that are hard on a server, on a real one: too much output, output that is no text, commands
 * and workspaces that are not there, a command that will not end. Each ends in a state that says
 * what happened, and a task that comes after it succeeds as before.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeRepository } from "../testing/git_server.ts";
import { processOf } from "../testing/processes.ts";
import { startServer, type TestServer } from "../testing/server.ts";
import { ask, assertGoesOn, type Body, endOf, makeTask, runTask, until } from "./caller.ts";

const MIB = 1024 * 1024;
/** A cancelled task's processes are gone after this; on a machine with time after 5 s. */
const CANCEL_MS = 20_000;
/** What is kept of one attempt's output, and of it in the result; with what is said of the cut. */
const STORED_BYTES = 8 * MIB + 1_024;
const RESULT_BYTES = 33 * 1024;
/** More than this the server never holds, however much its tasks write. */
const SERVER_BYTES = 600 * MIB;

const HARD_TASKS: { readonly [name: string]: (server: TestServer) => Promise<void> } = {
  async "50 MB of output is cut, and what was cut is said"(server) {
    const script = `echo begin; yes 0123456789abcde | head -c ${50 * MIB}; echo end`;
    const task = await runTask(server, { command: ["sh", "-c", script] });
    assertEquals([task.state, task.result.exitCode, task.result.truncated], ["succeeded", 0, true]);
    assertEquals(task.result.outputBytes, 50 * MIB + "begin\nend\n".length);
    assert(task.result.output.length < RESULT_BYTES);
    const output = await outputOf(server, task);
    assert(output.length < STORED_BYTES);
    for (const text of [task.result.output, output]) {
      assertMatch(text, /^begin\n[^]*\n\[.*(cut|left out).*\]\n[^]*\nend\n$/);
    }
    assert(await peakBytesOf(server.banner.pid) < SERVER_BYTES);
  },

  async "a million lines are all kept"(server) {
    const task = await runTask(server, { command: ["seq", "1000000"] });
    assertEquals([task.state, task.result.truncated], ["succeeded", true]);
    const lines = (await outputOf(server, task)).split("\n");
    assertEquals(lines.length, 1_000_001);
    assert(lines.slice(0, -1).every((line, index) => line === String(index + 1)));
    // However many lines there are, the task's history has none of them.
    assert(task.revision < 10, `it took ${task.revision} revisions`);
  },

  async "binary output is shown as text that JSON can hold"(server) {
    const script = String.raw`printf 'a\000\377\376\302b'; head -c 100000 /dev/urandom; echo end`;
    const task = await runTask(server, { command: ["sh", "-c", script] });
    assertEquals([task.state, task.result.outputBytes], ["succeeded", 100_010]);
    for (const text of [task.result.output, await outputOf(server, task)]) {
      assert(text.startsWith("a\uFFFD\uFFFD\uFFFD\uFFFDb"), JSON.stringify(text.slice(0, 20)));
      assert(text.endsWith("end\n"));
    }
  },

  async "a command that does not exist fails with its name"(server) {
    for (const command of ["no-such-program", "./no-such-program", "/nowhere/no-such-program"]) {
      const { state, error } = await runTask(server, { command: [command] });
      assertEquals([state, error.code], ["failed", "command_not_found"]);
      assertMatch(error.message, new RegExp(`^Cannot run "${command}": no such `));
    }
  },

  async "a command that is no program fails with the reason"(server) {
    const { state, error } = await runTask(server, { command: ["/etc/passwd"] });
    assertEquals([state, error.code], ["failed", "permission_denied"]);
    assertMatch(error.message, /^Cannot run "\/etc\/passwd": it is not executable/);
  },

  async "a command that ignores SIGTERM is gone soon after its cancel"(server) {
    const script = `trap '' TERM INT HUP; echo $$; while :; do sleep 1; done`;
    const { id } = await makeTask(server, { command: ["sh", "-c", script] });
    const pid = Number((await firstOutput(server, id)).trim());
    assert(await processOf(pid) !== undefined);
    const startedAt = performance.now();
    assertEquals((await ask(server, `/v1/tasks/${id}/cancel`, { json: {} })).status, 200);
    assertEquals((await endOf(server, id)).state, "cancelled");
    await until("its process is gone", async () => await processOf(pid) === undefined);
    assert(performance.now() - startedAt < CANCEL_MS);
    // Only now has its place become free.
    await until("its place is free", async () => (await systemPool(server)).held === 0);
  },

  async "a workspace that is not there, or is none, fails with its path"(server) {
    const directory = await Deno.makeTempDir({ prefix: "holdfast_test_" });
    const file = `${directory}/file`;
    await Deno.writeTextFile(file, "here\n");
    for (const path of [`${directory}/nowhere`, file]) {
      const { state, error } = await runTask(server, { command: ["true"], workspace: { path } });
      assertEquals([state, error.code], ["failed", "workspace_not_found"], error.message);
      assert(error.message.startsWith(`Cannot use workspace "${path}": `), error.message);
    }
    const there = { command: ["cat", "file"], workspace: { path: directory } };
    assertEquals((await runTask(server, there)).result?.output, "here\n");
    await Deno.remove(directory, { recursive: true });
  },

  async "a repository that cannot be cloned fails with git's reason"(server) {
    const repos = {
      "/nowhere/repository.git": /does not appear to be a git repository|does not exist/,
      "git://127.0.0.1:1/repository.git": /unable to connect|Connection refused/,
      "ext::sh -c true": /want an https, ssh, git or file URL/,
      "--upload-pack=true": /want an https, ssh, git or file URL/,
    };
    for (const [repo, reason] of Object.entries(repos)) {
      const { state, error } = await runTask(server, {
        command: ["true"],
        workspace: { repo },
        maxAttempts: 1,
      });
      assertEquals(state, "failed", repo);
      assert(error.message.startsWith(`Cannot clone "${repo}": `), error.message);
      assertMatch(error.message, reason);
    }
  },

  async "a task whose dependency fails is cancelled, and so is what waits for that"(server) {
    const failing = await makeTask(server, { command: ["false"], requireApproval: true });
    const middle = await makeTask(server, { command: ["true"], dependsOn: [failing.id] });
    const last = await makeTask(server, { command: ["true"], dependsOn: [middle.id] });
    await ask(server, `/v1/actors/task:${failing.id}/events`, { json: { type: "task.approve" } });
    assertEquals((await endOf(server, failing.id)).state, "failed");
    for (const { id } of [middle, last]) {
      const { state, error } = await endOf(server, id);
      assertEquals([state, error.code], ["cancelled", "dependency_failed"]);
    }
  },
};

Deno.test("a server brings each hard task to its end, and goes on", async (t) => {
  await using server = await startServer();
  for (const [name, run] of Object.entries(HARD_TASKS)) {
    await t.step(name, async () => {
      await run(server);
      await assertGoesOn(server);
    });
  }
});

Deno.test("a server whose data directory is a link works on repositories too", async () => {
  const directory = await Deno.makeTempDir({ prefix: "holdfast_test_" });
  await makeRepository(`${directory}/repository`);
  await Deno.mkdir(`${directory}/real`);
  await Deno.symlink(`${directory}/real`, `${directory}/link`);
  {
    await using server = await startServer({ home: `${directory}/link` });
    const workspace = { repo: `${directory}/repository`, ref: "main" };
    const task = await runTask(server, { command: ["cat", "file"], workspace });
    assertEquals([task.state, task.result?.output], ["succeeded", "two"], task.error?.message);
  }
  await Deno.remove(directory, { recursive: true });
});

async function outputOf(server: TestServer, { id }: Body): Promise<string> {
  return (await ask(server, `/v1/tasks/${id}/output`)).body;
}

/** What a task has written first, waited for. */
async function firstOutput(server: TestServer, id: string): Promise<string> {
  const { body } = await server.fetch(`/v1/tasks/${id}/output?follow=true`);
  if (body === null) throw new Error("Cannot follow the output: the answer has no body");
  for await (const text of body.pipeThrough(new TextDecoderStream())) return text;
  throw new Error(`Cannot read the output of ${id}: it ended without any`);
}

async function systemPool(server: TestServer): Promise<Body> {
  const { body } = await ask(server, "/v1/pools");
  return body.items.find((pool: Body) => pool.name === "system");
}

/** The most memory that a process has ever held. */
async function peakBytesOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1024;
}
