/** `/v1/vm-providers`: what VMs can be made with here, and why not with the others. */
import { z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { pageOf } from "./paging.ts";
import type { ProviderOffer } from "./vm_offers.ts";

const Limit = z.strictObject({
  enforced: z.boolean(),
  reason: z.string().nullable().openapi({ description: "Why it is not" }),
});

const ProviderSchema = z.strictObject({
  name: z.string(),
  ok: z.boolean(),
  reason: z.string().nullable()
    .openapi({ description: "What is missing, and what to install or configure" }),
  version: z.string().nullable(),
  limits: z.strictObject({
    cpus: Limit,
    memory: Limit,
    disk: Limit,
    processes: Limit,
    network: Limit,
  }),
  images: z.strictObject({ default: z.string().nullable() }).nullable()
    .openapi({ description: "Null where VMs are made without images" }),
}).openapi("VmProvider");

export function mountVmProviders(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/vm-providers",
    tag: "VMs",
    summary: "List what VMs can be made with here",
    answers: { 200: { description: "All providers", schema: pageOf(ProviderSchema) } },
  }, async () => {
    const offers = await api.offers.all();
    return answer({ items: offers.map(showOffer), nextCursor: null });
  });
}

function showOffer({ provider: { name, images }, ok, reason, version, limits }: ProviderOffer) {
  return { name, ok, reason, version, limits, images: images ?? null };
}
