/** Terminals in VMs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { TerminalProcess } from "../../actors/adapters/vm/provider.ts";
import { eventually } from "../testing/processes.ts";
import { type Bench, call, type Cases, sh, uniqueSeconds } from "./vm_provider_bench.ts";

const SIZE = { columns: 80, rows: 24 };
/** Looks at a program that must stand still. */
const LOOKS = 10;
/** More than lies between a program and who reads its terminal. */
const ENOUGH_BYTES = 4 * 1024 * 1024;

export const terminalCases: Cases = {
  "terminal() runs a shell that echoes and answers": echoes,
  "terminal() tells the program its size, and every new one": resizes,
  "terminal() tells how its program ended": exitCodes,
  "terminal() passes ^C on": interrupts,
  "terminal() ends all that runs in it when it is closed": closes,
  "terminal() holds a program up whose output is not read": holdsUp,
  "terminal() opens nothing when aborted before": abortedBefore,
  "terminal() goes on where it was when its VM was suspended": suspended,
};

async function echoes({ provider, create }: Bench): Promise<void> {
  const vm = await create({ env: { OF_VM: "vm value" } });
  const terminal = await provider.terminal(vm, SIZE, call());
  const screen = read(terminal);
  await type(terminal, 'echo "<$OF_VM>$((40+2))"; pwd; tty\n');
  await screen.shows("<vm value>42");
  await screen.shows(vm.workDir);
  await screen.shows("/dev/pts/");
  // What was typed shows as well.
  await screen.shows('echo "<$OF_VM>');
  await terminal.close();
  await screen.ended;
  await terminal.exited;
}

async function resizes({ provider, create }: Bench): Promise<void> {
  const vm = await create();
  const command = sh("stty size; while read line; do stty size; done");
  const terminal = await provider.terminal(vm, { command, columns: 91, rows: 37 }, call());
  const screen = read(terminal);
  await screen.shows("37 91");
  await terminal.resize(120, 50);
  await type(terminal, "\n");
  await screen.shows("50 120");
  await assertRejects(() => terminal.resize(0, 5));
  await terminal.close();
  await screen.ended;
  // Too late, but no mistake.
  await terminal.resize(80, 24);
}

async function exitCodes({ provider, create }: Bench): Promise<void> {
  const vm = await create();
  for (const code of [0, 7]) {
    const terminal = await provider.terminal(vm, SIZE, call());
    const screen = read(terminal);
    await type(terminal, `exit ${code}\n`);
    assertEquals(await terminal.exited, { exitCode: code, signal: null });
    await screen.ended;
    await terminal.close();
  }
}

async function interrupts({ provider, create }: Bench): Promise<void> {
  const vm = await create();
  const command = sh("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 1; done");
  const terminal = await provider.terminal(vm, { command, ...SIZE }, call());
  const screen = read(terminal);
  await screen.shows("ready");
  await type(terminal, "\x03");
  await screen.shows("caught");
  assertEquals((await terminal.exited).exitCode, 3);
  await screen.ended;
  await terminal.close();
}

async function closes(bench: Bench): Promise<void> {
  const vm = await bench.create();
  const [back, front] = [uniqueSeconds(), uniqueSeconds()];
  const terminal = await bench.provider.terminal(vm, SIZE, call());
  const screen = read(terminal);
  await type(terminal, `sleep ${back} & nohup sleep ${front}; true\n`);
  const running = async () => {
    const lines = await bench.commandLines(vm);
    return [back, front].filter((seconds) => lines.includes(`sleep ${seconds}`)).length;
  };
  await eventually(async () => await running() === 2);
  await terminal.close();
  await terminal.close();
  await terminal.exited;
  await screen.ended;
  assertEquals(await running(), 0);
}

async function holdsUp(bench: Bench): Promise<void> {
  const vm = await bench.create();
  const much = "head -c 16384 /dev/zero | tr '\\000' x";
  const script = `i=0; while :; do i=$((i+1)); ${much}; echo $i > new; mv new count; done`;
  const terminal = await bench.provider.terminal(vm, { command: sh(script), ...SIZE }, call());
  const count = async () => Number((await bench.run(vm, ["cat", "count"])).stdout);
  let last = 0;
  let still = 0;
  await eventually(async () => {
    const now = await count();
    still = now > 0 && now === last ? still + 1 : 0;
    last = Math.max(last, now);
    return still >= LOOKS;
  });
  const reader = terminal.output.getReader();
  for (let taken = 0; taken < ENOUGH_BYTES;) {
    const { done, value } = await reader.read();
    assert(!done, "it ended");
    taken += value.length;
  }
  await eventually(async () => await count() > last);
  await reader.cancel();
  await terminal.close();
  await terminal.exited;
}

async function abortedBefore({ provider, create }: Bench): Promise<void> {
  const vm = await create();
  const stopped = AbortSignal.abort(new Error("never mind"));
  await assertRejects(() => provider.terminal(vm, SIZE, call(stopped)), Error, "never mind");
}

async function suspended({ provider, create }: Bench): Promise<void> {
  const vm = await create();
  const terminal = await provider.terminal(vm, SIZE, call());
  const screen = read(terminal);
  await type(terminal, "word=kept; (while :; do :; done) & echo $((1+1))ready\n");
  await screen.shows("2ready");
  await provider.suspend(vm, call());
  await provider.resume(vm, call());
  await type(terminal, 'echo "<$word>"; exit 5\n');
  await screen.shows("<kept>");
  assertEquals((await terminal.exited).exitCode, 5);
  await screen.ended;
  await terminal.close();
}

async function type(terminal: TerminalProcess, text: string): Promise<void> {
  await terminal.write(new TextEncoder().encode(text));
}

/** Reads all that a terminal shows. */
function read({ output }: TerminalProcess) {
  let text = "";
  let ended = false;
  const decoder = new TextDecoder();
  const readAll = async () => {
    for await (const data of output) text += decoder.decode(data, { stream: true });
    ended = true;
  };
  return {
    ended: readAll(),
    async shows(wanted: string) {
      await eventually(() => ended || text.includes(wanted));
      assert(text.includes(wanted), `"${wanted}" does not show in ${JSON.stringify(text)}`);
    },
  };
}
