/** What the server does for itself, and how often, as docs/operations.md says. */
import { assertEquals } from "@std/assert";
import { createKinds } from "../../actors/kinds.ts";
import { asSchedule } from "../../actors/schedule.ts";
import { startWorld } from "../testing/system.ts";

Deno.test("the server looks after VMs and actors every minute, and after its histories every hour", async () => {
  const { jobs, kinds } = createKinds({ home: "." });
  const { system } = await startWorld(kinds.filter(({ name }) => name === "schedule"));
  await jobs.start(system);
  const { items } = await system.list("schedule", { sort: "oldest" });
  assertEquals(items.map(({ id, context }) => [id, asSchedule(context).plan.rule]), [
    ["system_vms", { everySeconds: 60 }],
    ["system_watchdog", { everySeconds: 60 }],
    ["system_retention", { everySeconds: 3_600 }],
  ]);
});
