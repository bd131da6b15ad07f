import { assertEquals, assertRejects } from "@std/assert";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import { ManualClock } from "../testing/manual_clock.ts";

Deno.test("alone() lets nothing begin beside an operation, though one that waited is called off", async () => {
  const providers = new VmProviders([], new ManualClock());
  const { signal } = new AbortController();
  const order: string[] = [];
  const ended = Promise.withResolvers<void>();
  const first = providers.alone("vm_1", signal, async () => {
    await ended.promise;
    order.push("first ends");
  });
  const off = new AbortController();
  const second = providers.alone("vm_1", off.signal, () => Promise.resolve(order.push("second")));
  const third = providers.alone("vm_1", signal, () => Promise.resolve(order.push("third")));
  off.abort(new Error("Called off"));
  await assertRejects(() => second, Error, "Called off");
  await providers.alone("vm_2", signal, () => Promise.resolve(order.push("another VM's")));
  ended.resolve();
  await Promise.all([first, third]);
  assertEquals(order, ["another VM's", "first ends", "third"]);
});

Deno.test("alone() waits half a minute for an operation that never ends", async () => {
  const clock = new ManualClock();
  const providers = new VmProviders([], clock);
  const { signal } = new AbortController();
  void providers.alone("vm_1", signal, () => new Promise(() => {}));
  let isDone = false;
  const next = providers.alone("vm_1", signal, () => Promise.resolve(isDone = true));
  await clock.advance(29_999);
  assertEquals(isDone, false);
  await clock.advance(1);
  assertEquals(await next, true);
});
