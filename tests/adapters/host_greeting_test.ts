import { assertEquals, assertRejects } from "@std/assert";
import type { ProcessGroup } from "../../actors/adapters/executor/process_group.ts";
import { greeted } from "../../actors/adapters/vm/host_greeting.ts";
import { GREETING_BYTES } from "../../actors/adapters/vm/vm_limits.ts";

const { signal } = new AbortController();
const explain = () => new Error("It did not greet");

/** A program that writes this, and then nothing until it is ended. */
function program(written: string): ProcessGroup {
  const gone = Promise.withResolvers<{ exitCode: number; signal: null }>();
  return {
    pid: 1,
    stdin: new WritableStream(),
    stdout: new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(written)),
    }),
    stderr: new ReadableStream({ start: (controller) => controller.close() }),
    ended: gone.promise,
    signal: () => {},
    end: () => {
      gone.resolve({ exitCode: 0, signal: null });
      return Promise.resolve({ found: [], left: [] });
    },
  };
}

Deno.test("greeted() takes the line off, however much comes with it", async () => {
  const much = "x".repeat(2 * GREETING_BYTES);
  const { greeting, output, end } = await greeted(program(`here\r\n${much}`), signal, { explain });
  assertEquals(greeting, "here");
  const reader = output.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), much);
  await reader.cancel();
  await end();
});

Deno.test("greeted() ends a program that says much, and no line", async () => {
  const talking = program("x".repeat(2 * GREETING_BYTES));
  await assertRejects(() => greeted(talking, signal, { explain }), Error, "It did not greet");
  assertEquals((await talking.ended).exitCode, 0);
});
