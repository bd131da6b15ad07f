import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sweepOrphans } from "../../actors/adapters/executor/orphans.ts";
import { withoutCredentials } from "../../actors/adapters/vm/clone.ts";
import { createProcessProvider } from "../../actors/adapters/vm/process.ts";
import { vmProviderSuite } from "../suites/vm_provider_suite.ts";
import {
  call,
  createCall,
  markedProcesses,
  never,
  openBench,
  rejectsWith,
  sh,
  uniqueSeconds,
} from "../suites/vm_provider_bench.ts";
import { makeRepository } from "../testing/git_server.ts";
import { readLines } from "../testing/lines.ts";
import { plainEnv } from "../testing/plain_env.ts";
import { eventually } from "../testing/processes.ts";

const HTTP_SERVER = `Deno.serve({ port: Number(PORT) }, () => new Response("hello"))`;

async function setup() {
  const home = await Deno.makeTempDir();
  const elsewhere = await Deno.makeTempDir();
  return {
    home,
    provider: () => createProcessProvider({ home, instance: home, readEnv: plainEnv }),
    stranger: () => createProcessProvider({ home: elsewhere, instance: elsewhere }),
    httpServer: (port: number) => [
      Deno.execPath(),
      "eval",
      HTTP_SERVER.replace("PORT", String(port)),
    ],
    async [Symbol.asyncDispose]() {
      for (const path of [home, elsewhere]) await Deno.remove(path, { recursive: true });
    },
  };
}

vmProviderSuite("process", setup);

const PROVIDER = import.meta.resolve("../../actors/adapters/vm/process.ts");
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** What every server of these tests begins with; `say` tells the test how far it is. */
const PRELUDE = (home: string) => `
import { createProcessProvider } from ${JSON.stringify(PROVIDER)};
const home = ${JSON.stringify(home)};
const provider = createProcessProvider({ home, instance: home });
const signal = new AbortController().signal;
const say = (text) => Deno.stdout.writeSync(new TextEncoder().encode(text + "\\n"));
const call = (key) => ({ key, signal, report: ({ type, status }) => say(type + " " + status) });
`;

/** Runs a server until it says that line, and kills it then. */
async function killedAt(line: string, home: string, code: string): Promise<void> {
  const server = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", `--config=${CONFIG}`, PRELUDE(home) + code],
    stdout: "piped",
  }).spawn();
  const lines = readLines(server.stdout);
  await lines.until((each) => each === line);
  server.kill("SIGKILL");
  await lines.rest();
  await server.status;
}

Deno.test("a killed server's commands are found by the sweep, in suspended VMs too", async () => {
  await using place = await setup();
  const { home } = place;
  const bench = openBench(place);
  const vm = await bench.create();
  const command = JSON.stringify(sh(`sleep ${uniqueSeconds()} & echo on; wait`));
  await killedAt(
    "suspended",
    home,
    `const vm = ${JSON.stringify(vm)};
    const suspend = () => provider.suspend(vm, call("test/suspend")).then(() => say("suspended"));
    await provider.exec(vm, { command: ${command}, onOutput: suspend }, call("test/exec"));`,
  );
  const marked = await markedProcesses(vm.vmId);
  assert(marked.length >= 2);
  assert(marked.every(({ stopped }) => stopped));
  const { left } = await sweepOrphans({ instance: home, live: new Set() });
  assertEquals(left, []);
  assertEquals(await markedProcesses(vm.vmId), []);
  // The VM is its directory, and is as it was left.
  assertEquals((await bench.provider.find(vm.vmId, never()))?.state, "suspended");
  await bench.provider.resume(vm, call());
  assertEquals((await bench.run(vm, ["true"])).exitCode, 0);
  await bench.deleteAll();
});

Deno.test("exec() run again after a restart ends first what it had left, and nothing else", async () => {
  await using place = await setup();
  const bench = openBench(place);
  const vm = await bench.create();
  const [again, beside] = [uniqueSeconds(), uniqueSeconds()];
  await killedAt(
    "both",
    place.home,
    `const vm = ${JSON.stringify(vm)};
    let on = 0;
    const onOutput = () => ++on === 2 && say("both");
    for (const [key, n] of [["test/again", ${again}], ["test/beside", ${beside}]]) {
      const command = ["sh", "-c", "echo on; exec sleep " + n];
      provider.exec(vm, { command, onOutput }, call(key));
    }`,
  );
  const lines = await bench.commandLines(vm);
  for (const each of [again, beside]) assertStringIncludes(lines, `sleep ${each}`);
  await bench.provider.exec(vm, { command: ["true"] }, { key: "test/again", signal: never() });
  const after = await bench.commandLines(vm);
  assertEquals(after.includes(`sleep ${again}`), false);
  assertStringIncludes(after, `sleep ${beside}`);
  await bench.deleteAll();
});

Deno.test("create() of a killed server is taken up by the next, wherever it was", async () => {
  await using place = await setup();
  const bench = openBench(place);
  const repo = `${place.home}/source`;
  await makeRepository(repo);
  for (const line of ["scheduled true", "projectCloned inProgress", "projectCloned true"]) {
    const spec = bench.spec({ source: { repo, ref: "main" } });
    await killedAt(
      line,
      place.home,
      `await provider.create(${JSON.stringify(spec)}, call("test/create"));`,
    );
    await sweepOrphans({ instance: place.home, live: new Set() });
    const vm = await bench.provider.create(spec, createCall());
    assertEquals((await bench.run(vm, ["cat", "file"])).stdout, "two");
    assertEquals((await bench.run(vm, ["git", "status", "--porcelain"])).stdout, "");
    assertEquals((await bench.provider.list(never())).length, 1);
    await bench.deleteAll();
  }
});

Deno.test("terminal() ends with its server, even when that is killed", async () => {
  await using place = await setup();
  const bench = openBench(place);
  const vm = await bench.create();
  const command = JSON.stringify(sh(`echo on; exec sleep ${uniqueSeconds()}`));
  await killedAt(
    "on",
    place.home,
    `const terminal = await provider.terminal(
      ${JSON.stringify(vm)},
      { command: ${command}, columns: 80, rows: 24 },
      call("test/terminal"),
    );
    for await (const _ of terminal.output) say("on");`,
  );
  await eventually(async () => (await markedProcesses(vm.vmId)).length === 0);
  await bench.deleteAll();
});

Deno.test("terminal() refuses what is typed when its program has ended, and says why", async () => {
  await using place = await setup();
  const bench = openBench(place);
  const vm = await bench.create();
  const size = { columns: 80, rows: 24 };
  const terminal = await bench.provider.terminal(vm, { command: ["true"], ...size }, call());
  await terminal.exited;
  await terminal.close();
  await assertRejects(() => terminal.write(new Uint8Array(1)), Error, "it has ended");
  await bench.deleteAll();
});

Deno.test("terminal() says that there is no such program or directory", async () => {
  await using place = await setup();
  const bench = openBench(place);
  const vm = await bench.create();
  const open = (command: string[]) =>
    bench.provider.terminal(vm, { command, columns: 80, rows: 24 }, call());
  await rejectsWith("command_not_found", () => open(["no-such-program-here"]));
  await Deno.remove(vm.workDir, { recursive: true });
  await rejectsWith("cwd_not_found", () => open(["sh"]));
  await bench.deleteAll();
});

Deno.test("exec() starts only programs that the configuration allows", async () => {
  await using place = await setup();
  const { home } = place;
  const provider = createProcessProvider({ home, instance: home, allowRun: ["echo"] });
  const bench = openBench({ ...place, provider: () => provider });
  const vm = await bench.create();
  assertEquals((await bench.run(vm, ["echo", "hi"])).stdout, "hi\n");
  await rejectsWith("invalid", () => bench.run(vm, ["env"]));
  await rejectsWith("invalid", () => bench.run(vm, [""]));
  const size = { columns: 80, rows: 24 };
  await rejectsWith("invalid", () => provider.terminal(vm, { command: ["sh"], ...size }, call()));
  await rejectsWith("invalid", () => bench.create({ image: "debian" }));
  await bench.deleteAll();
});

Deno.test("withoutCredentials() keeps of a URL what is its address alone", () => {
  const cases = [
    ["https://token@host/a.git", "https://host/a.git"],
    ["https://user:secret@host:8443/a", "https://host:8443/a"],
    ["https://host/a@b", "https://host/a@b"],
    ["ssh://git@host/a", "ssh://git@host/a"],
    ["ssh://git:secret@host/a", "ssh://git@host/a"],
    ["git@host:a/b", "git@host:a/b"],
    ["file:///a@b", "file:///a@b"],
    ["/a/b@c", "/a/b@c"],
  ] as const;
  for (const [given, wanted] of cases) assertEquals(withoutCredentials(given), wanted);
});
