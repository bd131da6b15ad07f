/** `/healthz`: the process answers. `/readyz`: the system can do its work, or why it cannot. */
import { z } from "@hono/zod-openapi";
import { answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";

const Alive = z.strictObject({ status: z.literal("ok"), version: z.string() });

const Ready = z.strictObject({
  status: z.enum(["starting", "ready", "degraded", "draining", "stopped", "failed"]),
  reason: z.string().nullable(),
}).openapi("Health");

export function mountHealth(api: Api): void {
  const { system, config } = api;
  mount(api, {
    method: "get",
    path: "/healthz",
    tag: "System",
    summary: "Whether the process lives",
    answers: { 200: { description: "It does", schema: Alive } },
  }, () => Promise.resolve(answer({ status: "ok", version: config.version })));

  mount(api, {
    method: "get",
    path: "/readyz",
    tag: "System",
    summary: "Whether the system can do its work",
    answers: {
      200: { description: "It can", schema: Ready },
      503: { description: "It cannot; `reason` says why", schema: Ready },
    },
  }, () => {
    const { status, reason } = system.health();
    return Promise.resolve(answer({ status, reason }, { status: status === "ready" ? 200 : 503 }));
  });
}
