/** The bounds that all lists share. */
import { assertEquals } from "@std/assert";
import { z } from "@hono/zod-openapi";
import { pageFields } from "../../routes/paging.ts";

const Query = z.strictObject(pageFields);

Deno.test("pageFields takes 20 of a list unless it is asked for others, at most 200", () => {
  assertEquals(Query.parse({}).limit, 20);
  assertEquals(Query.parse({ limit: "200" }).limit, 200);
  for (const limit of ["0", "201", "-1", "1.5", "x", ""]) {
    assertEquals([limit, Query.safeParse({ limit }).success], [limit, false]);
  }
});
