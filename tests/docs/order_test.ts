/** Runs the example of a user's own kind, through `mod.ts` alone, over a restart. */
import { assertEquals, assertRejects } from "@std/assert";
import { openShop, type Outside } from "../../docs/examples/order.ts";
import { NotAcceptedError } from "../../mod.ts";

function outside(): Outside & { parcels: string[]; mails: string[]; fails: number } {
  const world = {
    parcels: [] as string[],
    mails: [] as string[],
    fails: 0,
    ship(item: string, key: string) {
      if (world.fails-- > 0) return Promise.reject(new Error("the warehouse is closed"));
      world.parcels.push(`${item} ${key}`);
      return Promise.resolve(`parcel-${world.parcels.length}`);
    },
    mail(text: string) {
      world.mails.push(text);
      return Promise.resolve();
    },
  };
  return world;
}

async function withFile(run: (url: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await run(`file:${directory}/shop.db`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const timeoutMs = 10_000;

Deno.test("an order is shipped once, mailed about, and delivered after a restart", async () => {
  await withFile(async (url) => {
    const world = outside();
    const first = await openShop(url, world);
    await first.spawn("order", "o1", { item: "tea", cents: 450 }, { key: "create" });
    const paid = await first.send("order:o1", { type: "order.pay" }, { key: "pay" });
    await first.waitFor("order:o1", (order) => order.state === "shipped", { timeoutMs });
    await first.stop({ drainMs: timeoutMs });

    const second = await openShop(url, world);
    const again = await second.send("order:o1", { type: "order.pay" }, { key: "pay" });
    assertEquals(again, { ...paid, duplicate: true });
    await second.send("order:o1", { type: "order.deliver" });
    const order = await second.get("order:o1");
    assertEquals([order.state, order.status], ["delivered", "done"]);
    assertEquals(second.view(order), { item: "tea", parcel: "parcel-1" });
    assertEquals(world.parcels, ["tea order:o1/2/0"]);
    assertEquals(world.mails, ["o1: parcel-1"]);
    assertEquals((await second.replay("order:o1")).same, true);
    await second.stop();
  });
});

Deno.test("an order that is not delivered in time is refunded by its timer", async () => {
  await withFile(async (url) => {
    const world = outside();
    const first = await openShop(url, world);
    await first.spawn("order", "o2", { item: "milk", cents: 90, deliveryLimitMs: 50 });
    await first.send("order:o2", { type: "order.pay" });
    await first.waitFor("order:o2", (order) => order.state === "shipped", { timeoutMs });
    await first.stop();

    const second = await openShop(url, world);
    await second.waitFor("order:o2", (order) => order.state === "refunded", { timeoutMs });
    const error = await assertRejects(
      () => second.send("order:o2", { type: "order.deliver" }),
      NotAcceptedError,
    );
    assertEquals([error.state, error.accepts], ["refunded", []]);
    await second.stop({ drainMs: timeoutMs });
    assertEquals(world.mails, ["o2: parcel-1", "o2: refunded"]);
  });
});
