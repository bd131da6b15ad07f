/** From what people type to ids, against a client that knows a few schedules. */
import { assertEquals, assertRejects } from "@std/assert";
import { type Client, RefusedError } from "../../scripts/lib/client.ts";
import { resolveAddress } from "../../scripts/lib/resolve_id.ts";

const IDS = ["schedule_health2", "schedule_health", "schedule_nightly", "system_vms"];

/** Lists and shows the schedules above. */
const client = {
  get: (path: string, { schema }: { schema: { parse(value: unknown): unknown } }) => {
    if (path === "/v1/actors") {
      return Promise.resolve(schema.parse({ items: IDS.map((id) => ({ id })), nextCursor: null }));
    }
    const id = decodeURIComponent(path.slice("/v1/actors/".length)).replace("schedule:", "");
    if (IDS.includes(id)) return Promise.resolve(schema.parse({ id }));
    const problem = { type: "about:blank", title: "Not found", status: 404, detail: "None" };
    return Promise.reject(new RefusedError(problem));
  },
} as unknown as Client;

Deno.test("resolveAddress() takes a whole id before those that begin so", async () => {
  for (const text of ["health", "schedule_health"]) {
    assertEquals(await resolveAddress(client, `schedule:${text}`), "schedule:schedule_health");
  }
});

Deno.test("resolveAddress() takes the beginning of one id, and of one alone", async () => {
  assertEquals(await resolveAddress(client, "schedule:night"), "schedule:schedule_nightly");
  assertEquals(await resolveAddress(client, "schedule:system_v"), "schedule:system_vms");
  await assertRejects(() => resolveAddress(client, "schedule:heal"), Error, "Cannot tell which");
  await assertRejects(() => resolveAddress(client, "schedule:none"), Error, "Cannot find");
});
