/** `deno task vm …`, run as people run it, on a real server with the provider that is always there. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../scripts/lib/exit_codes.ts";
import { readLines } from "../testing/lines.ts";
import { eventually, processOf } from "../testing/processes.ts";
import { runTask, taskCommand, type TaskRun } from "../testing/run_task.ts";
import { startServer, type TestServer } from "../testing/server.ts";

const PROVIDER = ["--provider", "process"];

/** Runs `deno task vm` against one server. */
function vmOf(server: TestServer) {
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  return (...args: string[]): Promise<TaskRun> => runTask("vm", args, { env });
}

/** The same with something on stdin. */
async function typed(server: TestServer, input: Uint8Array, ...args: string[]): Promise<TaskRun> {
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  const child = taskCommand("vm", args, { env, stdin: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(input);
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("vm makes, lists, shows and steers VMs", async (t) => {
  await using server = await startServer();
  const vm = vmOf(server);
  let id = "";

  await t.step("create waits until it is up and prints the id alone", async () => {
    const { code, stdout, stderr } = await vm("create", ...PROVIDER, "--label", "team=web");
    id = stdout.trim();
    assertEquals([code, stderr], [0, `VM ${id}\n`]);
    assertMatch(id, /^vm_\w[\w-]*$/);
  });

  await t.step("create --json shows the VM as it came up", async () => {
    const args = ["--json", "--title", "Mine", "--sleep", "5m", "--recycle", "never"];
    const { stdout } = await vm("create", ...PROVIDER, ...args);
    const { state, title, idle } = JSON.parse(stdout);
    assertEquals([state, title, idle.sleepMs, idle.recycleMs], [
      "running",
      "Mine",
      300_000,
      null,
    ]);
  });

  await t.step("create with a key makes one", async () => {
    const args = [...PROVIDER, "-q", "--key", "k1", "--no-wait"];
    const [first, second] = [await vm("create", ...args), await vm("create", ...args)];
    assertEquals(first.stdout, second.stdout);
  });

  await t.step("what the server refuses is a mistake in the arguments", async () => {
    const { code, stderr } = await vm("create", ...PROVIDER, "--sleep", "2d", "--recycle", "1d");
    assertEquals(code, EXIT.usage);
    assertStringIncludes(stderr, "must be shorter than recycleMs");
  });

  await t.step("ls finds by label, and shows when it sleeps", async () => {
    assertEquals((await vm("ls", "-q", "--label", "team=web")).stdout, `${id}\n`);
    assertMatch((await vm("ls", "--label", "team")).stdout, /running +process .* sleeps in [5-9]m/);
    assertEquals((await vm("ls", "-q", "--provider", "bwrap")).stdout, "");
    assertEquals((await vm("ls", "--limit", "0")).code, EXIT.usage);
  });

  await t.step("inspect: by the beginning of the id, and by address", async () => {
    const text = (await vm("inspect", id.slice("vm_".length, -3))).stdout;
    assertStringIncludes(text, "team=web");
    assertMatch(text, /Conditions\n.*\n +\S+ +true/);
    assertEquals(JSON.parse((await vm("inspect", "--json", `vm:${id}`)).stdout).id, id);
    assertEquals((await vm("inspect", "nope")).code, EXIT.notFound);
  });

  await t.step("logs: what its provider has said", async () => {
    assertStringIncludes((await vm("logs", id)).stdout, "ready true 100%");
  });

  await t.step("sleep and wake wait until it is so", async () => {
    assertMatch((await vm("sleep", id)).stdout, new RegExp(`${id} +sleeping`));
    assertMatch((await vm("wake", id)).stdout, new RegExp(`${id} +running`));
  });

  await t.step("retry is refused where nothing has failed", async () => {
    const { code, stderr } = await vm("retry", id);
    assertEquals(code, EXIT.failed);
    assertStringIncludes(stderr, `state is "running"`);
  });

  await t.step("recycle waits until it is gone; a follower of its log ends with it", async () => {
    const env = { HOLDFAST_LISTEN: new URL(server.url).host };
    const follower = taskCommand("vm", ["logs", "-f", id], { env }).spawn();
    const lines = readLines(follower.stdout);
    await lines.until((line) => line.includes("ready true 100%"));
    assertMatch((await vm("recycle", id)).stdout, new RegExp(`${id} +recycled`));
    await lines.rest();
    assertEquals((await follower.status).code, 0);
    await follower.stderr.cancel();
    assertEquals((await vm("recycle", id)).code, 0);
  });

  await t.step("providers: which work, and why others do not", async () => {
    const providers = JSON.parse((await vm("providers", "--json")).stdout);
    const of = (name: string) => providers.find((one: { name: string }) => one.name === name);
    assertEquals(of("process").ok, true);
    assertStringIncludes((await vm("providers")).stdout, "HOLDFAST_DOCKER_SOCKET");
  });
});

Deno.test("vm says which subcommands there are, and what each takes", async () => {
  const help = await runTask("vm", ["--help"]);
  assertStringIncludes(help.stdout, "deno task vm create");
  assertStringIncludes((await runTask("vm", ["exec", "--help"])).stdout, "--no-stdin");
  for (const args of [[], ["nope"], ["--nope"], ["exec"], ["exec", "vm_1"]]) {
    assertEquals((await runTask("vm", args)).code, EXIT.usage, args.join(" "));
  }
});

Deno.test("vm create says why a VM could not be made", async () => {
  await using server = await startServer();
  const { code, stdout, stderr } = await vmOf(server)(
    ...["create", ...PROVIDER, "--repo", `${server.home}/no-such-repository`],
  );
  assertEquals(code, EXIT.failed);
  assertMatch(stdout, /^vm_\S+\n$/);
  assertStringIncludes(stderr, "is failed: ");
});

Deno.test("vm create leaves the VM to the server on Ctrl-C, and says how to remove it", async () => {
  await using server = await startServer();
  // A repository that never answers.
  using silence = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  const repo = `git://127.0.0.1:${silence.addr.port}/slow`;
  const child = taskCommand("vm", ["create", ...PROVIDER, "--repo", repo], { env }).spawn();
  const notes = readLines(child.stderr);
  const id = (await notes.until((line) => line.startsWith("VM "))).slice("VM ".length);
  using _connection = await silence.accept();
  child.kill("SIGINT");
  assertEquals((await child.status).code, 130);
  assertStringIncludes((await notes.rest()).join("\n"), `deno task vm recycle ${id}`);
  await child.stdout.cancel();
  const vm = vmOf(server);
  assertMatch((await vm("ls")).stdout, /provisioning/);
  assertMatch((await vm("recycle", id)).stdout, /recycled/);
});

Deno.test("vm exec runs a command as if it had been run here", async (t) => {
  await using server = await startServer();
  const vm = vmOf(server);
  const id = (await vm("create", "-q", ...PROVIDER)).stdout.trim();
  const exec = (...args: string[]) => vm("exec", id, ...args);

  await t.step("output, errors and exit code apart", async () => {
    const run = await exec("--", "sh", "-c", "echo out --json; echo err >&2; exit 7");
    assertEquals(run, { code: 7, stdout: "out --json\n", stderr: "err\n" });
  });

  await t.step("environment and directory", async () => {
    const { stdout } = await exec("--env", "A=b c", "--", "sh", "-c", 'mkdir -p d; echo "$A"');
    assertEquals(stdout, "b c\n");
    assertMatch((await exec("--cwd", "d", "--", "pwd")).stdout, /\/d\n$/);
  });

  await t.step("what is piped in", async () => {
    const text = new TextEncoder().encode("grüße\n");
    assertEquals((await typed(server, text, "exec", id, "--", "cat")).stdout, "grüße\n");
    const unread = await typed(server, text, "exec", "-n", id, "--", "cat");
    assertEquals(unread.stdout, "");
  });

  await t.step("what cannot be piped in", async () => {
    const binary = await typed(server, new Uint8Array([0xff, 0xfe]), "exec", id, "--", "cat");
    assertEquals(binary.code, EXIT.usage);
    assertStringIncludes(binary.stderr, "it is not text in UTF-8");
  });

  await t.step("bytes that are no text come out as they are", async () => {
    const env = { HOLDFAST_LISTEN: new URL(server.url).host };
    const args = ["exec", id, "--", "printf", String.raw`\377\000a\n`];
    const { stdout } = await taskCommand("vm", args, { env }).output();
    assertEquals(stdout, new Uint8Array([0xff, 0, 0x61, 0x0a]));
  });

  await t.step("programs that are not there, take too long, or are killed", async () => {
    assertEquals((await exec("--", "no-such-program")).code, 127);
    assertEquals((await exec("--timeout", "50ms", "--", "sleep", "60")).code, 124);
    assertEquals((await exec("--", "sh", "-c", "kill -9 $$")).code, 137);
  });

  await t.step("line by line as JSON", async () => {
    const { stdout, stderr } = await exec("--json", "--", "echo", "hello");
    const [line, end] = stdout.trim().split("\n").map((text) => JSON.parse(text));
    assertEquals([line.type, line.data, end.type, end.exitCode], ["stdout", "hello\n", "exit", 0]);
    assertEquals(stderr, "");
  });

  await t.step("Ctrl-C ends the command", async () => {
    const env = { HOLDFAST_LISTEN: new URL(server.url).host };
    const args = ["exec", id, "--", "sh", "-c", "echo $$; exec sleep 60"];
    const child = taskCommand("vm", args, { env }).spawn();
    const lines = readLines(child.stdout);
    const pid = Number(await lines.next());
    assert(await processOf(pid) !== undefined);
    child.kill("SIGINT");
    assertEquals((await child.status).code, 130);
    await eventually(async () => await processOf(pid) === undefined);
    await lines.rest();
    await child.stderr.cancel();
  });

  await t.step("a VM that sleeps is woken; one that is recycled is not", async () => {
    await vm("sleep", id);
    assertEquals((await exec("--", "echo", "up")).stdout, "up\n");
    await vm("recycle", id);
    const { code, stderr } = await exec("--", "true");
    assertEquals(code, EXIT.failed);
    assertStringIncludes(stderr, `state is "recycled"`);
  });
});
