/**
 * A kind of your own, whole: an order that is paid, shipped and delivered, or refunded when it
 * is not delivered in time. It uses `mod.ts` alone. Run it with
 * `deno run -A docs/examples/order.ts`; `tests/docs/order_test.ts` runs it too.
 */
import { assign, setup } from "xstate";
import {
  createSystem,
  defineEffect,
  defineKind,
  external,
  openStore,
  type System,
} from "../../mod.ts";

/** How long a delivery may take before the money goes back. */
const DELIVERY_LIMIT_MS = 14 * 24 * 60 * 60_000;

export type OrderInput = { item: string; cents: number; deliveryLimitMs?: number };

type Context = { item: string; cents: number; parcel: string | null; deliveryLimitMs: number };
type OrderEvent =
  | { type: "order.pay"; at: number }
  | { type: "order.deliver"; at: number }
  | { type: "order.refund"; at: number };

/** The statechart: it sees nothing but its events and its context. */
const orderMachine = setup({
  types: {
    context: {} as Context,
    events: {} as OrderEvent,
    input: {} as OrderInput,
    tags: {} as "waiting",
  },
  actors: { ship: external<{ item: string }, { parcel: string }>() },
  actions: {
    keepParcel: assign((_, params: { parcel: string }) => ({ parcel: params.parcel })),
  },
  delays: { deliveryLimit: ({ context }) => context.deliveryLimitMs },
}).createMachine({
  id: "order",
  context: ({ input }) => ({
    item: input.item,
    cents: input.cents,
    parcel: null,
    deliveryLimitMs: input.deliveryLimitMs ?? DELIVERY_LIMIT_MS,
  }),
  initial: "pending",
  states: {
    pending: {
      description: "Waits for its payment.",
      tags: ["waiting"],
      on: { "order.pay": "paid", "order.refund": "refunded" },
    },
    paid: {
      description: "The warehouse is asked to ship. The request is made again until it succeeds.",
      invoke: {
        src: "ship",
        id: "ship",
        input: ({ context }) => ({ item: context.item }),
        onDone: {
          target: "shipped",
          actions: {
            type: "keepParcel",
            params: ({ event }) => ({ parcel: event.output.parcel }),
          },
        },
        onError: "refunded",
      },
    },
    shipped: {
      description: "On its way. If it does not arrive in time, the money goes back.",
      tags: ["waiting"],
      on: { "order.deliver": "delivered" },
      after: { deliveryLimit: "refunded" },
    },
    delivered: { description: "Arrived.", type: "final" },
    refunded: { description: "The money went back.", type: "final" },
  },
});

/** What the outside does for orders. A warehouse that sees a key twice ships once. */
export type Outside = {
  ship(item: string, key: string): Promise<string>;
  mail(text: string, key: string): Promise<void>;
};

/** The kind: the statechart, its effect, its view, and hooks that follow its transitions. */
export function orderKind(outside: Outside) {
  return defineKind({
    name: "order",
    version: 1,
    machine: orderMachine,
    effects: {
      ship: defineEffect({
        run: async ({ item }: { item: string }, { key }) => ({
          parcel: await outside.ship(item, key),
        }),
        maxAttempts: 5,
        timeoutMs: 30_000,
      }),
    },
    view: ({ context }) => ({ item: context.item ?? null, parcel: context.parcel ?? null }),
    index: ({ context }) => ({ item: String(context.item) }),
    hooks: [
      {
        name: "mailShipped",
        priority: 50,
        mode: "async",
        on: { to: "shipped" },
        run: ({ record, key }) => outside.mail(`${record.id}: ${record.context.parcel}`, key),
      },
      {
        name: "mailRefunded",
        priority: 50,
        mode: "async",
        on: { to: "refunded" },
        run: ({ record, key }) => outside.mail(`${record.id}: refunded`, key),
      },
    ],
  });
}

/** Opens a store and starts a system with the one kind. */
export async function openShop(url: string, outside: Outside): Promise<System> {
  const system = createSystem({ store: await openStore(url), kinds: [orderKind(outside)] });
  await system.start();
  return system;
}

if (import.meta.main) {
  const { log } = globalThis.console;
  const system = await openShop(":memory:", {
    ship: (item) => Promise.resolve(`parcel of ${item}`),
    mail: (text) => Promise.resolve(log(`mail: ${text}`)),
  });
  await system.spawn("order", "o1", { item: "tea", cents: 450 });
  await system.send("order:o1", { type: "order.pay" }, { key: "payment-77" });
  await system.waitFor("order:o1", (order) => order.state === "shipped", { timeoutMs: 5_000 });
  await system.send("order:o1", { type: "order.deliver" });
  const { items } = await system.history("order:o1");
  for (const entry of items) log(`${entry.revision} ${entry.event.type} -> ${entry.state}`);
  await system.stop({ drainMs: 1_000 });
}
