/**
 * A process that owns a VM of the bwrap provider, for tests that kill it: `HOME STEP SECONDS`.
 * It makes the VM and stands still at the step of that name, which it writes down: a condition
 * that is reported, or `busy`, when a command and a terminal run in the VM.
 */
import { createBwrapProvider } from "../../actors/adapters/vm/bwrap.ts";
import { call, instanceOf, specOf } from "./vm_bwrap_lab.ts";

const [home = "", step = "", seconds = "", left = ""] = Deno.args;
const provider = createBwrapProvider({ home, instance: instanceOf(home) });

const vm = await provider.create(specOf(), {
  ...call(),
  report({ type }) {
    if (type === step) standStill();
  },
});

/** What is done on the way to the next line of this program would go on. */
function standStill(): never {
  Deno.stdout.writeSync(new TextEncoder().encode(`${step}\n`));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  throw new Error("Cannot go on: nobody wakes this process");
}

// A command that has ended by itself may leave something to run on.
await provider.exec(vm, {
  command: ["sh", "-c", `sleep ${left} >/dev/null 2>&1 & echo kept > file`],
}, call());
const begun = Promise.withResolvers<void>();
void provider.exec(vm, {
  command: [
    "sh",
    "-c",
    `trap '' TERM; sleep ${seconds} & setsid -f env -i sleep ${seconds}; echo begun; wait; wait`,
  ],
  onOutput: () => begun.resolve(),
}, call());
await begun.promise;
const terminal = await provider.terminal(vm, {
  command: ["sh", "-c", `echo open; exec sleep ${seconds}`],
  columns: 80,
  rows: 24,
}, call());
await terminal.output.getReader().read();
standStill();
