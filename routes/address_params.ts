/** Addresses and revisions in paths and queries. */
import { z } from "@hono/zod-openapi";
import { isAddress } from "../actors/runtime/address.ts";

export const AddressParam = z.string()
  .refine(isAddress, 'want "kind:id"')
  .openapi({ example: "task:task_V1StGXR8", description: "`kind:id`, percent-encoded" });

export const addressParams = z.strictObject({ address: AddressParam });
