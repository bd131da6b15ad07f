import { assertEquals } from "@std/assert";
import { createMachine } from "xstate";
import { startWorld } from "../testing/system.ts";

const HOUR_MS = 60 * 60_000;
const machine = createMachine({
  id: "job",
  initial: "open",
  states: { open: { on: { close: "closed" } }, closed: { type: "final" } },
});
const kinds = [{ name: "job", version: 1, machine }];

Deno.test("actors that ended long ago are archived, and can still be read and folded", async () => {
  const { system, clock, store } = await startWorld(kinds, { archiveAfterMs: 3 * HOUR_MS });
  for (const id of ["old", "active"]) await system.spawn("job", id, {});
  await system.send("job:old", { type: "close" });
  await clock.advance(3 * HOUR_MS);
  await system.spawn("job", "new", {});
  await system.send("job:new", { type: "close" });
  await clock.advance(HOUR_MS);
  const listed = async (archived: boolean) =>
    (await system.list("job", { archived, sort: "oldest" })).items.map((item) => item.id);
  assertEquals(await listed(true), ["old"]);
  assertEquals(await listed(false), ["active", "new"]);
  assertEquals((await system.get("job:old")).state, "closed");
  assertEquals((await system.replay("job:old")).same, true);
  assertEquals((await store.journal({ address: "job:old", limit: 10 })).length, 0);
  await system.stop();
});

Deno.test("a feed reader from before what is kept is told so, and misses nothing after", async () => {
  const world = await startWorld(kinds, { archiveAfterMs: HOUR_MS });
  await world.system.spawn("job", "old", {});
  await world.system.send("job:old", { type: "close" });
  await world.clock.advance(2 * HOUR_MS);
  const { system } = await world.crash();
  await system.spawn("job", "new", {});
  const items: unknown[] = [];
  for await (const item of system.feed({ after: 0 })) {
    items.push(item.type === "entry" ? item.entry.address : item);
    if (items.length === 2) break;
  }
  assertEquals(items, [{ type: "reset", oldest: 3 }, "job:new"]);
});
