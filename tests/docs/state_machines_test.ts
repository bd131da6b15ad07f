/** Holds docs/state_machines.md to the code. */
import { assertEquals } from "@std/assert";
import { stateMachinesDocument } from "../../scripts/state_machines.ts";

const DOCUMENT = new URL(import.meta.resolve("../../docs/state_machines.md"));

Deno.test("stateMachinesDocument() is what docs/state_machines.md holds", async () => {
  const written = await Deno.readTextFile(DOCUMENT);
  assertEquals(written, stateMachinesDocument(), "run `deno task state-machines`");
});
