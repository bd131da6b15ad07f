import { assertEquals } from "@std/assert";
import { removeHalfRemoved, writeMeta } from "../../actors/adapters/vm/directory.ts";

Deno.test("removeHalfRemoved() ends removals that were cut off, and touches no VM", async () => {
  const home = await Deno.makeTempDir();
  try {
    assertEquals(await removeHalfRemoved(home), 0);
    await writeMeta(home, "vm_1", {});
    await writeMeta(home, "vm_2", {});
    await Deno.rename(`${home}/vms/vm_2`, `${home}/vms/.removed.vm_2`);
    assertEquals(await removeHalfRemoved(home), 1);
    const left = await Array.fromAsync(Deno.readDir(`${home}/vms`));
    assertEquals(left.map(({ name }) => name), ["vm_1"]);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
