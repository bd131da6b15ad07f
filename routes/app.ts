/**
 * The HTTP app: mounts the resources on one system, and puts around them what every request goes
 * through (id, limits, who may call, headers, figures).
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Hono, MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { System } from "../actors/runtime/api.ts";
import type { VmAccess } from "../actors/vm_access.ts";
import { mountActors } from "./actors.ts";
import { mountAlerts } from "./alerts.ts";
import { responseOf } from "./answer.ts";
import { hostCheck, originCheck, tokenCheck } from "./auth.ts";
import { CALLER_HEADER, SCOPE_HEADER } from "./caller.ts";
import { type AppConfig, resolveConfig } from "./config.ts";
import { mountDeadLetters } from "./dead_letters.ts";
import { mountDocs } from "./docs.ts";
import { type Api, type Env, refusalAnswer } from "./endpoint.ts";
import { isFailure, ProblemError } from "./errors.ts";
import { mountEvents } from "./events.ts";
import { mountFeed } from "./feed.ts";
import { secure } from "./headers.ts";
import { mountGoals } from "./goals.ts";
import { mountHealth } from "./health.ts";
import { createHttpMetrics } from "./http_metrics.ts";
import { createIdempotency } from "./idempotency.ts";
import { mountKinds } from "./kinds.ts";
import { MAX_HEADER_CHARS } from "./limits.ts";
import { mountMetrics } from "./metrics.ts";
import { declareComponents } from "./openapi.ts";
import { mountPage } from "./page.ts";
import { mountPools } from "./pools.ts";
import { mountSchedules } from "./schedules.ts";
import { mountSessions } from "./sessions.ts";
import { mountTasks } from "./tasks.ts";
import { createStreams } from "./streams.ts";
import { createOffers } from "./vm_offers.ts";
import { mountVmFiles } from "./vm_files.ts";
import { mountVmControl } from "./vm_control.ts";
import { mountVmForward } from "./vm_forward.ts";
import { mountVmTerminals } from "./vm_terminals.ts";
import { mountVms } from "./vms.ts";
import { mountWorkspaces } from "./workspaces.ts";

/** Makes the app. `app.fetch` serves requests; nothing runs before the first. */
export function createApp(system: System, options: Partial<AppConfig> = {}): Hono {
  const config = resolveConfig(options);
  const app = new OpenAPIHono<Env>();
  const api: Api = {
    app,
    system,
    config,
    idempotency: createIdempotency(system, config.redact),
    streams: createStreams(config),
    metrics: createHttpMetrics(),
    offers: createOffers(config.vms?.providers.all() ?? [], config.clock),
    routes: new Map(),
  };
  app.onError((error, c) => refuse(api, c, error));
  app.notFound((c) => refuse(api, c, unknownPath(api, c)));
  app.use(observe(api), urlCheck(config), hostCheck(config));
  if (config.corsOrigins.length > 0) app.use(crossOrigin(config));
  app.use(originCheck(config), tokenCheck(config));
  declareComponents(app);
  for (const mountResource of RESOURCES) mountResource(api);
  const { vms } = config;
  if (vms !== null) { for (const mountResource of VM_RESOURCES) mountResource(api, vms); }
  mountDocs(api);
  // What requests carry through the edge is nobody's business outside.
  return app as unknown as Hono;
}

/** In the order in which the reference lists them. */
const RESOURCES: readonly ((api: Api) => void)[] = [
  mountTasks,
  mountSchedules,
  mountGoals,
  mountSessions,
  mountAlerts,
  mountActors,
  mountEvents,
  mountKinds,
  mountFeed,
  mountPools,
  mountDeadLetters,
  mountHealth,
  mountMetrics,
  mountPage,
];

/** What a server with VMs has beside. */
const VM_RESOURCES: readonly ((api: Api, vms: VmAccess) => void)[] = [
  mountVms,
  mountVmFiles,
  mountVmControl,
  mountVmTerminals,
  mountVmForward,
  mountWorkspaces,
];

function observe({ system, config, metrics }: Api): MiddlewareHandler<Env> {
  return async (c, next) => {
    const startedAt = config.clock.now();
    const given = c.req.header("x-request-id");
    const requestId = isRequestId(given) ? given : system.newId("req");
    c.set("requestId", requestId);
    await next();
    secure(c.res.headers, requestId);
    const { method, path } = c.req;
    const { status } = c.res;
    const ms = config.clock.now() - startedAt;
    metrics.count({ method, route: c.get("route") ?? "unmatched", status, ms });
    config.log("debug", "request", { requestId, method, path, status, ms });
  };
}

function isRequestId(text: string | undefined): text is string {
  return text !== undefined && text.length <= MAX_HEADER_CHARS && /^[\w.:-]+$/.test(text);
}

function urlCheck({ maxUrlChars }: AppConfig): MiddlewareHandler {
  return (c, next) => {
    if (c.req.url.length <= maxUrlChars) return next();
    throw new ProblemError(
      "url-too-long",
      `Cannot take a URL of ${c.req.url.length} characters: the limit is ${maxUrlChars}`,
    );
  };
}

function crossOrigin({ corsOrigins }: AppConfig): MiddlewareHandler {
  return cors({
    origin: [...corsOrigins],
    allowMethods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    allowHeaders: [
      "authorization",
      "content-type",
      "idempotency-key",
      "if-match",
      "last-event-id",
      "x-request-id",
      CALLER_HEADER,
      SCOPE_HEADER,
    ],
    exposeHeaders: ["etag", "location", "retry-after", "x-request-id", "idempotency-replayed"],
    maxAge: 600,
  });
}

function refuse({ config }: Api, c: Context<Env>, error: Error): Response {
  if (isFailure(error)) {
    const { method, path } = c.req;
    config.log("error", "request failed", { requestId: c.get("requestId"), method, path, error });
  }
  return responseOf(refusalAnswer(error, c, config.redact));
}

/** 405 where the path takes other methods, else 404. */
function unknownPath({ routes }: Api, c: Context<Env>): ProblemError {
  const allowed = [...routes].flatMap(([path, methods]) =>
    matches(path, c.req.path) ? methods : []
  );
  if (allowed.length === 0) {
    return new ProblemError("not-found", `Cannot find ${c.req.path}: there is no such path`);
  }
  const all = [
    ...new Set(allowed.flatMap((method) => method === "GET" ? ["GET", "HEAD"] : [method])),
  ];
  return new ProblemError(
    "method-not-allowed",
    `Cannot ${c.req.method} ${c.req.path}: it takes ${all.join(", ")}`,
    { headers: { allow: all.join(", ") } },
  );
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const parts = path.split("/");
  return wanted.length === parts.length &&
    wanted.every((part, i) => part === parts[i] || part.startsWith(":") && parts[i] !== "");
}
