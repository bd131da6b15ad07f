/** Commands in VMs: how they end, what they are given, what they say, and what ends with them. */
import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { eventually } from "../testing/processes.ts";
import {
  type Bench,
  call,
  type Cases,
  rejectsWith,
  sh,
  start,
  uniqueSeconds,
} from "./vm_provider_bench.ts";

const MIB = 1024 * 1024;
const MUCH_BYTES = 50 * MIB;
/** What may be held of it while nobody reads. */
const HELD_BYTES = 24 * MIB;
/** Looks at the VM while nobody reads. */
const LOOKS = 10;
/** A variable of the server, which no VM may see. */
const SERVER_SECRET = "SUITE_SERVER_SECRET";

export const execCases: Cases = {
  "exec() returns exit codes and signals": exits,
  "exec() passes the words of a command as they are": words,
  "exec() passes input on, to a command that reads none too": inputs,
  "exec() gives the VM's environment and none of the server's": environment,
  "exec() starts in the work directory, or where it is told": directories,
  "exec() keeps the order and every byte of the output": outputs,
  "exec() holds a command up whose output is not taken": holdsUp,
  "exec() fails where there is no such program": notFound,
  "exec() ends with its signal, with all that it started": aborts,
  "exec() ends a command that ignores SIGTERM": kills,
  "exec() starts nothing when aborted before": abortedBefore,
  "exec() does not wait for what a command leaves behind": leaves,
  "exec() runs commands beside each other": together,
};

async function exits({ create, run }: Bench): Promise<void> {
  const vm = await create();
  for (const code of [0, 1, 3, 255]) {
    assertEquals((await run(vm, sh(`exit ${code}`))).exitCode, code);
  }
  const { exitCode, signal } = await run(vm, sh("kill -9 $$"));
  // Some can only tell as a shell does.
  assert(signal === "SIGKILL" ? exitCode === null : exitCode === 128 + 9, `${exitCode} ${signal}`);
}

async function words({ create, run }: Bench): Promise<void> {
  const vm = await create();
  const odd = ["", " ", "a  b", "'", '"', "$HOME", "`id`", "\\", "-n", "*", "ä\nb", "--", "%s"];
  const { stdout } = await run(vm, sh('for word do printf "<%s>" "$word"; done', ...odd));
  assertEquals(stdout, odd.map((word) => `<${word}>`).join(""));
}

async function inputs({ create, run }: Bench): Promise<void> {
  const vm = await create();
  assertEquals((await run(vm, ["cat"])).stdout, "");
  const given = (bytes: Uint8Array<ArrayBuffer>) => ({ stdin: new Blob([bytes]).stream() });
  const hello = new TextEncoder().encode("hello\n");
  assertEquals((await run(vm, ["cat"], given(hello))).stdout, "hello\n");
  const counted = await run(vm, ["wc", "-c"], given(new Uint8Array(5 * MIB)));
  assertEquals(counted.stdout.trim(), String(5 * MIB));
  assertEquals((await run(vm, ["true"], given(new Uint8Array(5 * MIB)))).exitCode, 0);
  // Input that never comes does not keep a command that has ended.
  let cancelled = false;
  const silent = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) });
  assertEquals((await run(vm, ["true"], { stdin: silent })).exitCode, 0);
  assert(cancelled);
}

async function environment({ create, run }: Bench): Promise<void> {
  Deno.env.set(SERVER_SECRET, "not for VMs");
  try {
    const vm = await create({ env: { OF_VM: "vm value", BOTH: "vm" } });
    const env = { OF_COMMAND: "a=b c", BOTH: "command" };
    const { stdout } = await run(vm, ["env"], { env });
    const lines = stdout.split("\n");
    for (const line of ["OF_VM=vm value", "OF_COMMAND=a=b c", "BOTH=command"]) {
      assert(lines.includes(line), `${line} is not in ${stdout}`);
    }
    assertMatch(stdout, /^PATH=.*\bbin\b/m);
    assertEquals(stdout.includes(SERVER_SECRET), false);
    assertEquals((await run(vm, ["env"])).stdout.includes("OF_COMMAND"), false);
  } finally {
    Deno.env.delete(SERVER_SECRET);
  }
}

async function directories({ create, run }: Bench): Promise<void> {
  const vm = await create();
  await run(vm, ["mkdir", "-p", "sub/deep"]);
  const where = async (cwd?: string) =>
    (await run(vm, ["pwd"], cwd === undefined ? {} : { cwd })).stdout.trim();
  assertEquals(await where(), vm.workDir);
  assertEquals(await where("sub/deep"), `${vm.workDir}/sub/deep`);
  assertEquals(await where("/tmp"), "/tmp");
  await rejectsWith("cwd_not_found", () => run(vm, ["pwd"], { cwd: "no/such" }));
  await rejectsWith("cwd_not_found", () => run(vm, ["pwd"], { cwd: "/no/such" }));
}

async function outputs({ provider, create, run }: Bench): Promise<void> {
  const vm = await create();
  const script = "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $i; echo e$i >&2; done";
  const { stdout, stderr } = await run(vm, sh(script));
  const numbers = Array.from({ length: 5_000 }, (_, at) => at + 1);
  assertEquals(stdout, numbers.map((n) => `${n}\n`).join(""));
  assertEquals(stderr, numbers.map((n) => `e${n}\n`).join(""));
  const bytes = Uint8Array.from({ length: 64 * 1024 }, (_, at) => at % 251 ^ (at >> 8));
  const pieces: Uint8Array[] = [];
  await provider.exec(vm, {
    command: ["cat"],
    stdin: new Blob([bytes]).stream(),
    onOutput: ({ data }) => void pieces.push(data),
  }, call());
  assertEquals(new Uint8Array(await new Blob(pieces.map((p) => p.slice())).arrayBuffer()), bytes);
}

async function holdsUp({ provider, create }: Bench): Promise<void> {
  const vm = await create();
  const { promise: later, resolve: goOn } = Promise.withResolvers<void>();
  let taken = 0;
  const before = Deno.memoryUsage().rss;
  const ended = provider.exec(vm, {
    command: sh(`head -c ${MUCH_BYTES} /dev/zero; echo end >&2`),
    async onOutput({ stream, data }) {
      if (stream === "stdout") taken += data.length;
      await later;
    },
  }, call());
  await eventually(() => taken > 0);
  for (let look = 0; look < LOOKS; look++) await provider.stats(vm, call());
  assertLess(taken, HELD_BYTES);
  assertLess(Deno.memoryUsage().rss - before, HELD_BYTES);
  goOn();
  assertEquals((await ended).exitCode, 0);
  assertEquals(taken, MUCH_BYTES);
}

async function notFound({ create, run }: Bench): Promise<void> {
  const vm = await create();
  const error = await rejectsWith("command_not_found", () => run(vm, ["no-such-program-here"]));
  assertStringIncludes(error.message, "no-such-program-here");
  await rejectsWith("command_not_found", () => run(vm, ["/no/such/program"]));
  // What a shell says of its own commands is the shell's.
  assertEquals((await run(vm, sh("no-such-program-here"))).exitCode, 127);
}

async function aborts(bench: Bench): Promise<void> {
  const { provider } = bench;
  const vm = await bench.create();
  const [own, child, grandchild, stays] = [1, 2, 3, 4].map(uniqueSeconds);
  const other = start(provider, vm, { command: sh(`echo on; exec sleep ${stays}`) });
  await other.shows("on\n");
  const script = `sleep ${child} & (sleep ${grandchild} & ); echo ready; sleep ${own}; true`;
  const given = new Error("enough");
  const stop = new AbortController();
  const running = start(provider, vm, { command: sh(script), signal: stop.signal });
  await running.shows("ready\n");
  const lines = await bench.commandLines(vm);
  for (const each of [child, grandchild]) assertStringIncludes(lines, `sleep ${each}`);
  stop.abort(given);
  assertEquals(await assertRejects(() => running.ended), given);
  const after = await bench.commandLines(vm);
  for (const each of [own, child, grandchild]) {
    assertEquals(after.includes(`sleep ${each}`), false, `sleep ${each} goes on`);
  }
  assertStringIncludes(after, `sleep ${stays}`);
  await provider.delete(vm.vmId, call());
  await Promise.allSettled([other.ended]);
}

async function kills(bench: Bench): Promise<void> {
  const { provider } = bench;
  const vm = await bench.create();
  const seconds = uniqueSeconds();
  const stop = new AbortController();
  const command = sh(`trap '' TERM; echo deaf; while :; do sleep ${seconds}; done`);
  let shown = false;
  const ended = provider.exec(vm, {
    command,
    killGraceMs: 100,
    onOutput: () => void (shown = true),
  }, call(stop.signal));
  await eventually(() => shown);
  stop.abort(new Error("enough"));
  await assertRejects(() => ended, Error, "enough");
  assertEquals((await bench.commandLines(vm)).includes(seconds), false);
}

async function abortedBefore({ provider, create, run }: Bench): Promise<void> {
  const vm = await create();
  const stopped = AbortSignal.abort(new Error("never mind"));
  const start = () => provider.exec(vm, { command: sh("echo > trace") }, call(stopped));
  await assertRejects(start, Error, "never mind");
  assertEquals((await run(vm, ["cat", "trace"])).exitCode, 1);
}

async function leaves(bench: Bench): Promise<void> {
  const vm = await bench.create();
  const seconds = uniqueSeconds();
  const { exitCode, stdout } = await bench.run(vm, sh(`sleep ${seconds} & echo left; exit 4`));
  assertEquals([exitCode, stdout], [4, "left\n"]);
  // It goes on in the VM, and ends with it.
  assertStringIncludes(await bench.commandLines(vm), `sleep ${seconds}`);
}

async function together({ create, run }: Bench): Promise<void> {
  const vm = await create();
  const numbers = Array.from({ length: 8 }, (_, at) => String(at));
  const ran = await Promise.all(numbers.map((n) => run(vm, sh('echo "$1"; exit "$1"', n))));
  assertEquals(ran.map(({ stdout }) => stdout.trim()), numbers);
  assertEquals(ran.map(({ exitCode }) => String(exitCode)), numbers);
}
