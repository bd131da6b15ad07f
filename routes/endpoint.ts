/**
 * One endpoint: its description, from which the route, the checks of its input and its page in
 * the OpenAPI document are all made, so that they cannot differ.
 */
import type { Context } from "hono";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import type { System } from "../actors/runtime/api.ts";
import { type Answer, responseOf } from "./answer.ts";
import { checkMediaType, parseJson, readText } from "./body.ts";
import type { AppConfig } from "./config.ts";
import { ProblemError, refusalOf } from "./errors.ts";
import { fingerprintOf, type Idempotency, type Once, readKey } from "./idempotency.ts";
import { operationOf } from "./openapi.ts";
import type { HttpMetrics } from "./http_metrics.ts";
import type { Streams } from "./streams.ts";
import type { ProviderOffers } from "./vm_offers.ts";
import { parseInput } from "./validation.ts";

/** What a request carries through the edge. */
export type Env = { Variables: { requestId: string; route: string } };

/** What every resource is mounted with. */
export type Api = {
  app: OpenAPIHono<Env>;
  system: System;
  config: AppConfig;
  idempotency: Idempotency;
  streams: Streams;
  metrics: HttpMetrics;
  /** What the providers of VMs say of themselves. */
  offers: ProviderOffers;
  /** Methods that each path takes. */
  routes: Map<string, string[]>;
};

/** One possible answer, for the document. */
export type AnswerDoc = {
  description: string;
  schema?: z.ZodType;
  /** By default JSON. */
  media?: readonly string[];
};

export type Endpoint<P, Q, B> = {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** With parameters in braces. */
  path: string;
  tag: string;
  summary: string;
  description?: string;
  params?: z.ZodType<P>;
  query?: z.ZodType<Q>;
  /** Of what is not a GET; by default none is taken. */
  body?: z.ZodType<B>;
  /** Media types of a body that the handler parses by itself: it gets the text. */
  rawBody?: readonly string[];
  /** Headers that it reads, for the document. */
  headers?: readonly z.ZodType[];
  /** The body is left unread: the handler takes it from the request as it comes. */
  streamedBody?: true;
  answers: { readonly [status: number]: AnswerDoc };
  /** Statuses of its own refusals, beside those that any endpoint may give. */
  refusals?: readonly number[];
};

export type Call<P, Q, B> = {
  c: Context<Env>;
  params: P;
  query: Q;
  body: B;
  /** The body as it came, where `rawBody` is set, with its media type. */
  raw: { text: string; media: string };
  /** The revision that `If-Match` names. */
  expectRevision: number | undefined;
  once: Once;
};

const Nothing = z.strictObject({});

/** Adds an endpoint to the app and to its document. */
export function mount<P = unknown, Q = unknown, B = unknown>(
  api: Api,
  endpoint: Endpoint<P, Q, B>,
  handle: (call: Call<P, Q, B>) => Promise<Answer | Response>,
): void {
  const { app, routes } = api;
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1");
  routes.set(path, [...routes.get(path) ?? [], endpoint.method.toUpperCase()]);
  app.openAPIRegistry.registerPath(operationOf(endpoint));
  app.on(endpoint.method.toUpperCase(), path, async (c) => {
    c.set("route", endpoint.path);
    const input = await readInput(api, endpoint, c);
    if (endpoint.method !== "post") {
      const result = await handle({ ...input, once: api.idempotency.unkept });
      return result instanceof Response ? result : responseOf(result);
    }
    return await handlePost(api, c, input, handle);
  });
}

type Input<P, Q, B> = Omit<Call<P, Q, B>, "once">;

async function handlePost<P, Q, B>(
  { idempotency, config }: Api,
  c: Context<Env>,
  input: Input<P, Q, B>,
  handle: (call: Call<P, Q, B>) => Promise<Answer | Response>,
): Promise<Response> {
  const key = readKey(c.req.header("idempotency-key"));
  if (key === undefined) {
    const result = await handle({ ...input, once: idempotency.unkept });
    return result instanceof Response ? result : responseOf(result);
  }
  const fingerprint = fingerprintOf(c.req.method, c.req.url, input.raw.text);
  const answer = await idempotency.run(
    { key, fingerprint },
    async (once) => {
      const result = await handle({ ...input, once });
      if (result instanceof Response) throw new TypeError("Cannot keep a streamed answer");
      return result;
    },
    (error) => refusalAnswer(error, c, config.redact),
  );
  return responseOf(answer);
}

/** A problem as an answer. */
export function refusalAnswer(
  error: unknown,
  c: Context<Env>,
  redact: (text: string) => string,
): Answer {
  const { problem, headers } = refusalOf(error, redact);
  return {
    status: problem.status,
    headers: { "content-type": "application/problem+json", ...headers },
    body: { ...problem, instance: c.req.path } as Answer["body"],
  };
}

async function readInput<P, Q, B>(
  { config }: Api,
  endpoint: Endpoint<P, Q, B>,
  c: Context<Env>,
): Promise<Input<P, Q, B>> {
  const raw = endpoint.method === "get" || endpoint.streamedBody
    ? { text: "", media: "" }
    : await readBody(c, config.maxBodyBytes, endpoint.rawBody);
  return {
    c,
    params: parse(endpoint.params, c.req.param(), "path"),
    query: parse(endpoint.query, single(c.req.queries()), "query"),
    body: bodyOf(endpoint, raw.text),
    raw,
    expectRevision: readIfMatch(c.req.header("if-match")),
  };
}

async function readBody(
  c: Context,
  maxBytes: number,
  media = ["application/json"] as readonly string[],
) {
  const text = await readText(c, maxBytes);
  return { text, media: checkMediaType(c, text, media) };
}

function bodyOf<P, Q, B>(endpoint: Endpoint<P, Q, B>, text: string): B {
  if (endpoint.method === "get" || endpoint.rawBody !== undefined) return undefined as B;
  return parse(endpoint.body, text === "" ? {} : parseJson(text), "body");
}

/** Without a schema nothing is taken, and what comes all the same is refused. */
function parse<T>(
  schema: z.ZodType<T> | undefined,
  value: unknown,
  place: "body" | "query" | "path",
): T {
  return parseInput(schema ?? (Nothing as unknown as z.ZodType<T>), value, place);
}

/** Parameters given once as text, those given several times as a list. */
function single(queries: Record<string, string[]>): Record<string, string | string[]> {
  const entries = Object.entries(queries);
  return Object.fromEntries(
    entries.map(([name, all]) => [name, all.length === 1 ? all[0] ?? "" : all]),
  );
}

/** `"12"` as 12; `*` wants any revision. */
function readIfMatch(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === "*") return undefined;
  const revision = /^\s*"(\d{1,15})"\s*$/.exec(header)?.[1];
  if (revision === undefined) {
    throw new ProblemError("malformed", `Cannot use If-Match ${header}: want one revision, "12"`);
  }
  return Number(revision);
}
