import { assertEquals } from "@std/assert";
import { assign, type EventObject, sendTo, setup } from "xstate";
import { actorAt, createActor, watch } from "../../machines/lib/builtins.ts";
import { startWorld } from "../testing/system.ts";

type Event = EventObject & { at: number };

const counter = setup({}).createMachine({
  id: "counter",
  initial: "open",
  states: { open: { on: { close: "closed" } }, closed: { type: "final" } },
});

const guardian = setup({
  types: {
    context: {} as { seen: unknown[]; of: string },
    events: {} as Event,
    input: {} as { of: string },
  },
  actors: { watch },
  actions: {
    make: sendTo(({ context }) => actorAt(context.of), createActor({ n: 1 })),
    see: assign({ seen: ({ context, event }) => [...context.seen, event] }),
  },
}).createMachine({
  id: "guardian",
  context: ({ input }) => ({ seen: [], of: input.of }),
  initial: "making",
  states: {
    making: { entry: "make", always: "watching" },
    watching: {
      invoke: { src: "watch", input: ({ context }) => ({ addresses: [context.of] }) },
      on: { "actor.ended": { actions: "see" } },
    },
  },
});

Deno.test("watch sees an actor that is created in the same commit, and one that cannot be", async () => {
  const { system } = await startWorld([{ name: "counter", version: 1, machine: counter }, {
    name: "guardian",
    version: 1,
    machine: guardian,
  }]);
  const seenBy = async (id: string) =>
    ((await system.get(`guardian:${id}`)).context["seen"] as { status: string }[])
      .map(({ status }) => status);
  await system.spawn("guardian", "a", { of: "counter:a" });
  assertEquals(await seenBy("a"), []);
  await system.send("counter:a", { type: "close" });
  assertEquals(await seenBy("a"), ["done"]);
  await system.spawn("guardian", "c", { of: "nobody:c" });
  assertEquals(await seenBy("c"), ["missing"]);
});
