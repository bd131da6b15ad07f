/**
 * `/v1/vms/{id}/ports/{port}/…`: HTTP and WebSockets to whatever listens on a port in a VM. Every
 * method passes, nothing is held whole, and neither side learns the other's secrets.
 */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { OpenVm, VmAccess } from "../actors/vm_access.ts";
import {
  type ForwardAnswer,
  ForwardError,
  forwardHttp,
  forwardSocket,
} from "../actors/vm_forward.ts";
import type { Api, Env } from "./endpoint.ts";
import { ProblemError } from "./errors.ts";
import { answerHeaders, type ForwardPlace, requestHeaders } from "./lib/forward_headers.ts";
import { openSocket } from "./lib/websocket.ts";
import { PING_MS } from "./lib/websocket_limits.ts";
import { isUpgrade, offeredProtocols, OWN_PREFIX } from "./lib/websocket_protocols.ts";
import { operationOf } from "./openapi.ts";
import { relay } from "./vm_forward_relay.ts";
import { parseInput } from "./validation.ts";
import { vmAddressOf } from "./vm_address.ts";
import { whileWanted } from "./waiting.ts";

const PATH = "/v1/vms/{id}/ports/{port}";
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/** Answers that have no body. */
const EMPTY = [204, 205, 304];

const ForwardParams = z.strictObject({
  id: z.string(),
  port: z.coerce.number().int().min(1).max(65_535),
});

/** One request on its way. */
type Forward = { api: Api; vms: VmAccess; c: Context<Env>; vm: OpenVm; place: ForwardPlace };

export function mountVmForward(api: Api, vms: VmAccess): void {
  const { app, routes } = api;
  describe(api);
  const bare = PATH.replaceAll(/\{(\w+)\}/g, ":$1");
  routes.set(bare, METHODS);
  app.on(METHODS, bare, (c) => {
    c.set("route", PATH);
    const { pathname, search } = new URL(c.req.url);
    return c.redirect(`${pathname}/${search}`, 308);
  });
  app.on(METHODS, `${bare}/*`, async (c) => {
    c.set("route", `${PATH}/*`);
    const { id, port } = parseInput(
      ForwardParams,
      { id: c.req.param("id"), port: c.req.param("port") },
      "path",
    );
    refuseOwnParts(c);
    vmAddressOf(id);
    const vm = await whileWanted(api, c, (signal) => vms.open(id, signal));
    await vms.touch(id, "activity");
    const prefix = `/v1/vms/${encodeURIComponent(id)}/ports/${port}`;
    const forward = { api, vms, c, vm, place: { port, prefix } };
    return isUpgrade(c.req) ? await passSocket(forward) : await passHttp(forward);
  });
}

function describe({ app }: Api): void {
  app.openAPIRegistry.registerPath(operationOf({
    method: "get",
    path: `${PATH}/{path}`,
    tag: "VMs",
    summary: "Reach a port in a VM",
    description: "Every method, and WebSockets. The caller's `Authorization` and cookies stay " +
      "here, as do cookies that the port sets; `x-forwarded-*` say what was asked for. A page " +
      "runs in a sandbox, as an origin of its own. A VM that sleeps is woken; a WebSocket or an " +
      "answer that is open keeps it awake.",
    params: z.strictObject({ id: z.string(), port: z.string(), path: z.string() }),
    answers: { 200: { description: "Whatever the port answers" } },
    refusals: [403, 404, 409, 429, 502, 503, 504],
  }));
}

/**
 * A page of ours never takes a script or a part from a VM: with it, what is in the VM would act as
 * ours. Browsers say whose page asks; a page from a VM is of another origin.
 */
function refuseOwnParts(c: Context): void {
  const site = c.req.header("sec-fetch-site");
  const dest = c.req.header("sec-fetch-dest") ?? "empty";
  if (site !== "same-origin" || ["document", "iframe", "empty", "websocket"].includes(dest)) return;
  throw new ProblemError("forbidden", `Cannot give a page of this origin a "${dest}" from a VM`);
}

async function passHttp(forward: Forward): Promise<Response> {
  const { api, vms, c, vm, place } = forward;
  const url = new URL(c.req.url);
  const { raw, method } = c.req;
  const handshake = Promise.withResolvers<ForwardAnswer>();
  // The place is held, and the VM kept awake, until the answer has gone out whole.
  api.streams.hold(async () => {
    const letSleep = vms.keepAwake(vm);
    try {
      const answer = await reached(forward, () =>
        forwardHttp(vm, {
          port: place.port,
          method,
          target: targetOf(url),
          headers: requestHeaders(raw.headers, place, { url, from: callerOf(c) }),
          body: raw.body,
        }, { key: api.system.newId("forward"), clock: api.config.clock, signal: raw.signal }));
      handshake.resolve(answer);
      await answer.ended;
    } finally {
      letSleep();
    }
  }).catch(handshake.reject);
  const { status, headers, body } = await handshake.promise;
  const isEmpty = EMPTY.includes(status) || method === "HEAD";
  if (isEmpty) await body.cancel();
  return new Response(isEmpty ? null : body, {
    status,
    headers: answerHeaders(headers, place, raw.headers.get("origin")),
  });
}

async function passSocket(forward: Forward): Promise<Response> {
  const { api, vms, c, vm, place } = forward;
  const url = new URL(c.req.url);
  const { raw } = c.req;
  const port = await reached(forward, () =>
    forwardSocket(vm, {
      port: place.port,
      target: targetOf(url),
      headers: requestHeaders(raw.headers, place, { url, from: callerOf(c) }),
      protocols: offeredProtocols(c.req).filter((name) => !name.startsWith(OWN_PREFIX)),
    }, { key: api.system.newId("forward"), clock: api.config.clock, signal: raw.signal }));
  try {
    return await openSocket(api, c, {
      pingMs: PING_MS,
      ...port.protocol === "" ? {} : { protocol: port.protocol },
      opened: (socket) => relay({ api, vms, vm, socket, port }),
    });
  } catch (error) {
    port.close(1006, "");
    throw error;
  }
}

/** Says of which port it was that something failed. */
async function reached<T>({ place, vm }: Forward, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ForwardError)) throw error;
    throw new ProblemError(
      "port-failed",
      `Cannot reach port ${place.port} of vm "${vm.record.id}": ${error.message}`,
    );
  }
}

/** Path and query as the port knows them, as they were sent. */
function targetOf({ pathname, search }: URL): string {
  return pathname.replace(/^\/v1\/vms\/[^/]+\/ports\/[^/]+/, "") + search;
}

/** The address that the request came from, where the server tells. */
function callerOf(c: Context): string | null {
  const info: unknown = c.env;
  if (typeof info !== "object" || info === null || !("remoteAddr" in info)) return null;
  const { remoteAddr } = info;
  if (typeof remoteAddr !== "object" || remoteAddr === null) return null;
  return "hostname" in remoteAddr ? String(remoteAddr.hostname) : null;
}
