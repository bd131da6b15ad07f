import { assertEquals } from "@std/assert";
import { createMachine } from "xstate";
import { logFeed } from "../../scripts/lib/log_feed.ts";
import { startWorld } from "../testing/system.ts";

Deno.test("logFeed() logs ends at info and every other event at debug, with address and event", async () => {
  const machine = createMachine({
    id: "job",
    initial: "open",
    states: { open: { on: { close: "closed" } }, closed: { type: "final" } },
  });
  const { system, clock } = await startWorld([{ name: "job", version: 1, machine }]);
  const lines: unknown[] = [];
  const logging = logFeed(system, (level, message, fields) => {
    lines.push([level, message, fields?.address, fields?.event, fields?.state]);
  });
  await system.spawn("job", "a", {});
  await system.send("job:a", { type: "close" });
  await clock.settle();
  await system.stop();
  await logging;
  assertEquals(lines, [
    ["debug", "Event applied", "job:a", "xstate.init", "open"],
    ["info", "Actor ended", "job:a", "close", "closed"],
  ]);
});
