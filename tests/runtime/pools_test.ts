import { assertEquals } from "@std/assert";
import { PRIORITY_AGING_MS } from "../../actors/runtime/limits.ts";
import { Pools } from "../../actors/runtime/pools.ts";
import type { SlotRow } from "../../actors/store/store.ts";

type Wish = {
  pools: (string | { name: string; limit: number })[];
  priority?: number;
  share?: string;
};

/** Pools with slots asked for in order, named by letters. */
function poolsWith(limits: Record<string, number>, wishes: Record<string, Wish>): Pools {
  const pools = new Pools(limits);
  for (const [key, wish] of Object.entries(wishes)) pools.request(slot(pools.nextSeq(), key, wish));
  return pools;
}

function slot(seq: number, key: string, wish: Wish): SlotRow {
  const names = wish.pools.map((pool) => typeof pool === "string" ? { name: pool } : pool);
  return {
    key,
    address: `a:${key}`,
    childId: "slot",
    pools: JSON.stringify(names),
    priority: wish.priority ?? 0,
    share: wish.share ?? "",
    seq,
    requestedAt: seq,
    grantedAt: null,
  };
}

/** Grants until none fits; the keys in order. */
function grantAll(pools: Pools, now = 100): string[] {
  const keys: string[] = [];
  for (let row = pools.grantNext(now); row !== undefined; row = pools.grantNext(now)) {
    keys.push(row.key);
  }
  return keys;
}

function release(pools: Pools, key: string): void {
  pools.vacate(key);
  pools.free(key);
}

Deno.test("grantNext() goes by priority, then by age", () => {
  const pools = poolsWith({ p: 9 }, {
    old: { pools: ["p"] },
    young: { pools: ["p"] },
    urgent: { pools: ["p"], priority: 4 },
  });
  assertEquals(grantAll(pools), ["urgent", "old", "young"]);
});

Deno.test("grantNext() never passes a pool's limit, and grants again when a place is free", () => {
  const pools = poolsWith({ p: 1 }, { a: { pools: ["p"] }, b: { pools: ["p"] } });
  assertEquals(grantAll(pools), ["a"]);
  assertEquals(pools.status("p"), { name: "p", limit: 1, held: 1, waiting: 1 });
  release(pools, "a");
  assertEquals(grantAll(pools), ["b"]);
});

Deno.test("grantNext() grants all pools of a slot or none", () => {
  const pools = poolsWith({ p: 1, q: 1 }, {
    a: { pools: ["p"] },
    both: { pools: ["p", "q"] },
    c: { pools: ["q"] },
  });
  assertEquals(grantAll(pools), ["a", "c"]);
  release(pools, "c");
  assertEquals(grantAll(pools), []);
  assertEquals(pools.status("q").held, 0);
  release(pools, "a");
  assertEquals(grantAll(pools), ["both"]);
});

Deno.test("grantNext() lets shares take turns whatever the length of their lines", () => {
  const pools = poolsWith({ p: 2 }, {
    a1: { pools: ["p"], share: "a" },
    a2: { pools: ["p"], share: "a" },
    a3: { pools: ["p"], share: "a" },
    b1: { pools: ["p"], share: "b" },
  });
  assertEquals(grantAll(pools), ["a1", "b1"]);
});

Deno.test("grantNext() raises the priority of those who have waited for long", () => {
  const pools = poolsWith({ p: 1 }, {
    old: { pools: ["p"], priority: 0 },
    urgent: { pools: ["p"], priority: 4 },
  });
  assertEquals(pools.grantNext(4 * PRIORITY_AGING_MS + 10)?.key, "old");
});

Deno.test("grantNext() keeps a place for one that has starved, so that none passes it for ever", () => {
  const pools = poolsWith({ p: 1, q: 1 }, { hog: { pools: ["p"] }, both: { pools: ["p", "q"] } });
  assertEquals(grantAll(pools), ["hog"]);
  const late = 6 * PRIORITY_AGING_MS;
  pools.request({ ...slot(pools.nextSeq(), "passer", { pools: ["q"] }), requestedAt: late });
  assertEquals(pools.grantNext(late), undefined);
  release(pools, "hog");
  assertEquals(grantAll(pools, late), ["both"]);
});

Deno.test("limitOf() prefers what was set live, then configuration, then the asker's wish", () => {
  const pools = poolsWith({ p: 3 }, {
    a: { pools: [{ name: "p", limit: 1 }, { name: "q", limit: 2 }] },
  });
  assertEquals([pools.limitOf("p"), pools.limitOf("q"), pools.limitOf("r")], [3, 2, null]);
  pools.setLimit("p", 7);
  pools.setLimit("q", null);
  assertEquals([pools.limitOf("p"), pools.limitOf("q")], [7, null]);
});

Deno.test("vacate() keeps the place until the work it was for has ended", () => {
  const pools = poolsWith({ p: 1 }, { a: { pools: ["p"] }, b: { pools: ["p"] } });
  grantAll(pools);
  pools.vacate("a");
  assertEquals(grantAll(pools), []);
  pools.free("a");
  assertEquals(grantAll(pools), ["b"]);
});

Deno.test("vacate() takes a waiter out of its line", () => {
  const pools = poolsWith({ p: 1 }, {
    a: { pools: ["p"] },
    b: { pools: ["p"] },
    c: { pools: ["p"] },
  });
  grantAll(pools);
  assertEquals(pools.vacate("b"), true);
  assertEquals(pools.vacate("b"), false);
  release(pools, "a");
  assertEquals(grantAll(pools), ["c"]);
});

Deno.test("load() takes over holders, waiters and limits, and forgets what was there", () => {
  const pools = poolsWith({ p: 1 }, { gone: { pools: ["p"] } });
  const held = { ...slot(1, "held", { pools: ["p"] }), grantedAt: 5 };
  pools.load([held, slot(2, "next", { pools: ["p"] })], [{ name: "p", limit: 2 }]);
  assertEquals(pools.status("p"), { name: "p", limit: 2, held: 1, waiting: 1 });
  assertEquals(grantAll(pools), ["next"]);
  assertEquals(pools.nextSeq(), 3);
});

Deno.test("all() forgets pools that nobody uses or has set", () => {
  const pools = poolsWith({ p: 1 }, { a: { pools: ["p", "key:once"] } });
  grantAll(pools);
  release(pools, "a");
  assertEquals(pools.all().map((pool) => pool.name), ["p"]);
});

Deno.test("free() forgets no waiter who came to a line of the same name meanwhile", () => {
  const pools = poolsWith({ p: 1 }, { a: { pools: ["p"] } });
  grantAll(pools);
  pools.vacate("a");
  pools.request(slot(pools.nextSeq(), "again", { pools: ["p"] }));
  pools.free("a");
  assertEquals(grantAll(pools), ["again"]);
});
