/** Who may write. */
import { assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../actors/runtime/errors.ts";
import { commitOn, create, newActor, NOW } from "../store/commits.ts";
import { type Cases, rejectsWith } from "./store_bench.ts";

const TTL_MS = 1_000;

export const leaseCases: Cases = {
  "acquireLease() raises the epoch every time": async ({ store }) => {
    const first = await store.acquireLease("boot_1", NOW, TTL_MS);
    assertEquals(first, { bootId: "boot_1", epoch: first.epoch, expiresAt: NOW + TTL_MS });
    await store.releaseLease();
    const second = await store.acquireLease("boot_2", NOW, TTL_MS);
    assertEquals(second.epoch, first.epoch + 1);
  },

  "acquireLease() refuses, naming the holder, while another has it": async (bench) => {
    const { store, another } = bench;
    if (another === undefined) return;
    await store.acquireLease("boot_1", NOW, TTL_MS);
    const other = await another();
    const error = await rejectsWith("fenced", () => other.acquireLease("boot_2", NOW, TTL_MS));
    assertEquals(error.message.includes("boot_1"), true);
    await create(store, [newActor("task:a", 1)]);
    await store.releaseLease();
    await other.acquireLease("boot_2", NOW, TTL_MS);
    assertEquals((await other.loadActors(["task:a"])).length, 1);
    await other.close();
  },

  "close() gives the lease back": async ({ store, another }) => {
    if (another === undefined) return;
    await store.acquireLease("boot_1", NOW, TTL_MS);
    await store.close();
    const other = await another();
    await other.acquireLease("boot_2", NOW, TTL_MS);
    await other.close();
  },

  "commit() is fenced once another has taken the lease": async ({ store, another, ...bench }) => {
    if (another === undefined || !bench.leaseRunsOut) return;
    await store.acquireLease("boot_1", NOW, TTL_MS);
    await create(store, [newActor("task:a", 1)]);
    const other = await another();
    await rejectsWith("fenced", () => other.acquireLease("boot_2", NOW + TTL_MS - 1, TTL_MS));
    await other.acquireLease("boot_2", NOW + TTL_MS, TTL_MS);
    await rejectsWith("fenced", () => create(store, [newActor("task:b", 2)]));
    await rejectsWith("fenced", () => store.renewLease(NOW + TTL_MS, TTL_MS));
    await create(other, [newActor("task:c", 2)]);
    assertEquals((await other.loadActors(["task:a", "task:b", "task:c"])).length, 2);
    await other.close();
  },

  "renewLease() keeps others out for longer": async ({ store, another, ...bench }) => {
    if (another === undefined || !bench.leaseRunsOut) return;
    await store.acquireLease("boot_1", NOW, TTL_MS);
    await store.renewLease(NOW + TTL_MS, TTL_MS);
    const other = await another();
    await rejectsWith("fenced", () => other.acquireLease("boot_2", NOW + TTL_MS, TTL_MS));
    await other.close();
  },

  "releaseLease() of one that has lost it leaves the other's alone": async (bench) => {
    const { store, another } = bench;
    if (another === undefined || !bench.leaseRunsOut) return;
    await store.acquireLease("boot_1", NOW, TTL_MS);
    const other = await another();
    await other.acquireLease("boot_2", NOW + TTL_MS, TTL_MS);
    await store.releaseLease();
    await create(other, [newActor("task:a", 1)]);
    await other.close();
  },

  "commit() needs the lease": async ({ store }) => {
    await rejectsWith("fenced", () => store.commit(commitOn(0)));
    await store.acquireLease("boot_1", NOW, TTL_MS);
    await store.commit(commitOn(0));
    await store.releaseLease();
    await store.releaseLease();
    await rejectsWith("fenced", () => store.commit(commitOn(0)));
  },

  "close() may be called twice, and ends the store": async ({ store }) => {
    await store.acquireLease("boot_1", NOW, TTL_MS);
    await store.close();
    await store.close();
    await assertRejects(() => store.lastSeq(), StoreError);
  },
};
