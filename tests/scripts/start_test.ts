import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { mergeConfig } from "../../scripts/lib/config.ts";
import { libsqlDirectory, serverPermissions } from "../../scripts/lib/permissions.ts";
import { environmentLayer } from "../../scripts/lib/read_config.ts";
import { readLines } from "../testing/lines.ts";
import { runServer, startServer, TestServer } from "../testing/server.ts";

const HOST = { userHome: "/nowhere", cwd: "/nowhere", cores: 2 };
const LIBSQL_DIR = libsqlDirectory(import.meta.resolve("@libsql/client"));
const TOKEN = "a-token-of-this-test";
const AUTHORIZED = { headers: { authorization: `Bearer ${TOKEN}` } };

function configFor(home: string) {
  const variables: Record<string, string> = {
    HOLDFAST_HOME: home,
    HOLDFAST_LISTEN: "127.0.0.1:0",
    HOLDFAST_LOG_LEVEL: "warn",
  };
  return mergeConfig([environmentLayer((name) => variables[name])], HOST).config;
}

Deno.test("start says where it listens and where its data is, and answers there", async () => {
  await using server = await startServer();
  const { listening, home, recovered, try: command } = server.banner;
  assertMatch(listening, /^http:\/\/127\.0\.0\.1:\d+$/);
  assertEquals(home, server.home);
  assert(typeof recovered === "object");
  assertStringIncludes(String(command), `${listening}/v1/tasks`);
  const ready = await server.fetch("/readyz");
  assertEquals(await ready.json(), { status: "ready", reason: null });
});

Deno.test("start stops cleanly at SIGTERM and comes up at once after SIGKILL", async () => {
  await using server = await startServer();
  assertEquals((await server.kill()).code, 137);
  await server.start();
  assertEquals(await server.stop(), { code: 0, signal: null });
});

Deno.test("start lets running work end before it stops", async () => {
  await using server = await startServer({ env: { HOLDFAST_DRAIN_MS: "20000" } });
  const wait = `echo up; until [ -e "$0/go" ]; do sleep 0.05; done; echo done`;
  const id = await makeTask(server, { command: ["sh", "-c", wait, server.home] });
  const { body } = await server.fetch(`/v1/tasks/${id}/stream`);
  assert(body !== null);
  const told = readLines(body);
  await told.until((line) => line.includes("up\\n"));
  server.signal("SIGTERM");
  await server.logged((line) => line.includes("Stopping"));
  await Deno.writeTextFile(`${server.home}/go`, "");
  await told.rest();
  assertEquals(await server.ended(), { code: 0, signal: null });
  await server.start();
  const task: EndedTask = await (await server.fetch(`/v1/tasks/${id}`)).json();
  assertEquals([task.state, task.result?.output], ["succeeded", "up\ndone\n"]);
});

Deno.test("start takes the server along when the launcher is killed", async () => {
  await using server = await startServer();
  server.signal("SIGKILL");
  // Resolves when the output ends, which the server shares.
  assertEquals((await server.ended()).signal, "SIGKILL");
  await server.start();
});

Deno.test("start gives the server just the permissions that it works out", async () => {
  await using server = await startServer({ env: { HOLDFAST_TOKEN: TOKEN } });
  const commandLine = await Deno.readTextFile(`/proc/${server.banner.pid}/cmdline`);
  const flags = commandLine.split("\0").filter((part) =>
    /^(--allow|-A|-P|--permission)/.test(part)
  );
  assertEquals(flags, serverPermissions(configFor(server.home), { libsqlDir: LIBSQL_DIR }));
});

Deno.test("start keeps secrets out of the server's environment and command line", async () => {
  await using server = await startServer({ env: { HOLDFAST_TOKEN: TOKEN } });
  for (const file of ["environ", "cmdline"]) {
    const text = await Deno.readTextFile(`/proc/${server.banner.pid}/${file}`);
    assertEquals(text.includes(TOKEN), false);
  }
  assertEquals(await statusOf(server, "/v1/kinds", AUTHORIZED), 200);
  assertEquals(await statusOf(server, "/v1/kinds"), 401);
});

Deno.test("the server runs tasks in directories that it may not read itself", async () => {
  await using server = await startServer();
  const elsewhere = await Deno.realPath(await Deno.makeTempDir());
  const ended = await runTask(server, { command: ["pwd"], workspace: { path: elsewhere } });
  assertEquals([ended.state, ended.result?.output], ["succeeded", `${elsewhere}\n`]);
  await Deno.remove(elsewhere);
});

Deno.test("the server runs no program but those that HOLDFAST_ALLOW_RUN names", async () => {
  await using server = await startServer({ env: { HOLDFAST_ALLOW_RUN: "pwd" } });
  assertEquals((await runTask(server, { command: ["pwd"] })).state, "succeeded");
  const refused = await runTask(server, { command: ["uname"] });
  assertEquals([refused.state, refused.error?.code], ["failed", "permission_denied"]);
});

for (const kind of ["net", "read", "write", "env", "ffi", "sys"]) {
  Deno.test(`the server needs its permission for ${kind}`, async () => {
    const home = await Deno.makeTempDir({ prefix: "holdfast_test_" });
    const config = configFor(home);
    const flags = serverPermissions(config, { libsqlDir: LIBSQL_DIR });
    const less = flags.filter((flag) => !flag.startsWith(`--allow-${kind}`));
    assertEquals(less.length, flags.length - 1);
    assertMatch(await serveUntilRefused(less, config), new RegExp(`Requires ${kind} access`));
    await Deno.remove(home, { recursive: true });
  });
}

Deno.test("start refuses an address that is taken, and names it", async () => {
  await using server = await startServer();
  const home = await Deno.makeTempDir({ prefix: "holdfast_test_" });
  const address = new URL(server.url).host;
  const { code, stdout, stderr } = await runServer({ home, env: { HOLDFAST_LISTEN: address } });
  assertEquals([code, stdout], [69, ""]);
  assertStringIncludes(stderr, `Cannot listen on ${address}`);
  await Deno.remove(home, { recursive: true });
});

Deno.test("start refuses data that another server holds, until that is gone", async () => {
  await using server = await startServer();
  const { code, stdout, stderr } = await runServer({ home: server.home });
  assertEquals([code, stdout], [75, ""]);
  assertStringIncludes(stderr, "Cannot");
  assertStringIncludes(stderr, String(server.banner.pid));
});

Deno.test("start stands by while another server holds the data, then takes over", async () => {
  await using first = await startServer();
  await using second = new TestServer(first.home, {
    home: first.home,
    env: { HOLDFAST_STANDBY: "true" },
  });
  const started = second.start();
  const { url } = JSON.parse(await second.logged((line) => line.includes("not ready yet")));
  const waiting = await fetch(`${url}/readyz`);
  assertEquals([waiting.status, (await waiting.json()).status], [503, "starting"]);
  const early = await fetch(`${url}/v1/kinds`);
  assertEquals([early.status, (await early.json()).status], [503, 503]);
  await first.kill();
  await started;
  assertEquals(await statusOf(second, "/readyz"), 200);
});

Deno.test("start refuses settings that cannot be used", async () => {
  const home = await Deno.makeTempDir({ prefix: "holdfast_test_" });
  const open = await runServer({ home, env: { HOLDFAST_LISTEN: "0.0.0.0:0" } });
  assertEquals(open.code, 78);
  assertStringIncludes(open.stderr, "HOLDFAST_TOKEN");
  assertEquals((await runServer({ home, args: ["--lisen=x"] })).code, 2);
  const file = `${home}/file`;
  await Deno.writeTextFile(file, "");
  const nowhere = await runServer({ home: `${file}/home` });
  assertEquals(nowhere.code, 78);
  assertStringIncludes(nowhere.stderr, `Cannot use data directory ${file}/home`);
  await Deno.remove(home, { recursive: true });
});

Deno.test("start --print-config shows every value and its source, but no secret", async () => {
  const { code, stdout } = await runServer({
    home: "/data/holdfast",
    env: { HOLDFAST_TOKEN: TOKEN },
    args: ["--print-config", "--json", "--drain-ms=5"],
  });
  assertEquals(code, 0);
  assertEquals(stdout.includes(TOKEN), false);
  const settings: { name: string; value: unknown; source: string }[] = JSON.parse(stdout);
  const find = (name: string) => settings.find((setting) => setting.name === name);
  assertEquals(find("home")?.value, "/data/holdfast");
  assertEquals(find("home")?.source, "HOLDFAST_HOME");
  assertEquals([find("drainMs")?.value, find("drainMs")?.source], [5, "--drain-ms"]);
  assertEquals(find("token")?.value, "(hidden)");
});

/** Runs the server itself with these permissions; returns what it says when it gives up, or its banner. */
async function serveUntilRefused(flags: string[], config: unknown): Promise<string> {
  const script = fileURLToPath(import.meta.resolve("../../scripts/serve.ts"));
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...flags, script],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = readLines(server.stderr);
  const lifeline = server.stdin.getWriter();
  // A server that fails while it loads its code is gone before it reads.
  await lifeline.write(new TextEncoder().encode(`${JSON.stringify(config)}\n`)).catch(brokenPipe);
  const said = stderr.rest();
  const stdout = readLines(server.stdout);
  const banner = await stdout.next();
  await lifeline.abort();
  await Promise.all([stdout.rest(), server.status]);
  return banner ?? (await said).join("\n");
}

type EndedTask = { state: string; result?: { output: string }; error?: { code: string } };

/** Makes a task and reads its stream to the end, which comes when it has ended. */
async function runTask(server: TestServer, task: unknown): Promise<EndedTask> {
  const id = await makeTask(server, task);
  await (await server.fetch(`/v1/tasks/${id}/stream`)).text();
  return await (await server.fetch(`/v1/tasks/${id}`)).json();
}

async function makeTask(server: TestServer, task: unknown): Promise<string> {
  const made = await server.fetch("/v1/tasks", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ executor: "command", ...Object(task) }),
  });
  return (await made.json()).id;
}

async function statusOf(server: TestServer, path: string, init?: RequestInit): Promise<number> {
  const response = await server.fetch(path, init);
  await response.body?.cancel();
  return response.status;
}

function brokenPipe(error: unknown): void {
  if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
}
