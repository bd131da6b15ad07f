/**
 * The OpenAPI 3.1 document, made from the endpoints' own descriptions and zod schemas. Refusals
 * that any endpoint may give are added here, once.
 */
import { createRoute, type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { AnswerDoc, Endpoint, Env } from "./endpoint.ts";
import { MAX_HEADER_CHARS } from "./limits.ts";

const Fault = z.strictObject({
  detail: z.string(),
  pointer: z.string().optional().openapi({ description: "JSON pointer into the body" }),
  in: z.enum(["query", "path", "header"]).optional(),
  name: z.string().optional().openapi({ description: "Name of the parameter" }),
}).openapi("InputFault");

const Problem = z.looseObject({
  type: z.string().openapi({ example: "urn:holdfast:problem:not-accepted" }),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string().optional(),
  errors: z.array(Fault).optional(),
  state: z.string().optional().openapi({ description: "409: the present state" }),
  accepts: z.array(z.string()).optional().openapi({ description: "409: events it accepts" }),
}).openapi("Problem", { description: "RFC 9457" });

/** Refusals by status, as the document words them. */
const REFUSALS: { readonly [status: number]: string } = {
  400: "Malformed request",
  401: "No token, or a wrong one",
  403: "Called by a page of a foreign origin, or not permitted to this caller or in the VM",
  404: "Nothing has that name",
  409: "Not accepted in the present state; `state` and `accepts` say what is",
  412: "Another revision is in force than `If-Match` or `expectRevision` names",
  413: "Larger than allowed",
  415: "Content-Type is not one of those taken",
  422: "Invalid input; `errors` lists every fault",
  426: "Answered only over a WebSocket",
  429: "Too many open streams; see Retry-After",
  500: "The server failed",
  502: "A provider, or what listens on a port, failed",
  503: "Shutting down, overloaded, or unable to store; see Retry-After",
  504: "It took too long",
};

const ALWAYS = [400, 401, 422, 500, 503];
const ON_WRITE = [403, 413, 415];

const IdempotencyKey = z.string().max(MAX_HEADER_CHARS).optional().openapi({
  param: { name: "Idempotency-Key", in: "header" },
  description: "The same key with the same request is given the same answer for 24 hours",
});

const OPEN = ["System"];

/** An endpoint as zod-to-openapi wants it. */
export function operationOf<P, Q, B>(endpoint: Endpoint<P, Q, B>): RouteConfig {
  const { method, path, tag, summary, description, params, query } = endpoint;
  const writes = method !== "get";
  const wanted = [...ALWAYS, ...writes ? ON_WRITE : [], ...endpoint.refusals ?? []];
  const refusals = [...new Set(wanted)].sort((a, b) => a - b);
  const body = writes ? bodyOf(endpoint) : undefined;
  const headers = [...method === "post" ? [IdempotencyKey] : [], ...endpoint.headers ?? []];
  return createRoute({
    method,
    path,
    operationId: operationId(method, path),
    tags: [tag],
    summary,
    ...description === undefined ? {} : { description },
    ...OPEN.includes(tag) ? { security: [] } : {},
    request: {
      ...params === undefined ? {} : { params: params as unknown as z.ZodObject },
      ...query === undefined ? {} : { query: query as unknown as z.ZodObject },
      ...headers.length > 0 ? { headers } : {},
      ...body === undefined ? {} : { body },
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(endpoint.answers).map(([status, doc]) => [status, answerDoc(doc)]),
      ),
      ...Object.fromEntries(refusals.map((status) => [status, refusalDoc(status)])),
    },
  });
}

/** The whole document. */
export function openApiDocument(app: OpenAPIHono<Env>, version: string): object {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Holdfast",
      version,
      description: "Durable tasks, and every other actor, over HTTP. Times are ISO 8601 in UTC; " +
        "errors are problems (RFC 9457); lists are `{items, nextCursor}`.",
      license: { name: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, {}],
  });
}

/** Declares what the endpoints refer to beside their schemas. */
export function declareComponents(app: OpenAPIHono<Env>): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "The value of HOLDFAST_TOKEN, where the server has one",
  });
}

function bodyOf<P, Q, B>(endpoint: Endpoint<P, Q, B>) {
  const { body, rawBody = ["application/json"] } = endpoint;
  if (body === undefined) return undefined;
  const content = Object.fromEntries(rawBody.map((media) => [media, { schema: body }]));
  return { content, required: !body.safeParse({}).success };
}

function answerDoc({ description, schema, media = ["application/json"] }: AnswerDoc) {
  if (schema === undefined) return { description };
  return {
    description,
    content: Object.fromEntries(media.map((type) => [type, { schema }])),
  };
}

function refusalDoc(status: number) {
  return {
    description: REFUSALS[status] ?? "Refused",
    content: { "application/problem+json": { schema: Problem } },
  };
}

/** `get /v1/tasks/{id}/stream` as `getTasksIdStream`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "" && word !== "v1");
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}
