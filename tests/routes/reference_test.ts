import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createApp } from "../../routes/app.ts";
import { openEdge, partOfSystem, partOfVms } from "./support.ts";

type Schema = { [key: string]: unknown };
type Operation = {
  operationId: string;
  tags: string[];
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { content: Schema };
  responses: { [status: string]: { description: string; content?: Schema } };
};
type Document = {
  openapi: string;
  paths: { [path: string]: { [method: string]: Operation } };
  components: { [group: string]: Schema };
};

async function readDocument(): Promise<Document> {
  const app = createApp(partOfSystem({}), { version: "1.2.3", vms: partOfVms({}) });
  return await (await app.request("/openapi.json")).json();
}

/** All routes of the API, so that none comes or goes unnoticed. */
const ROUTES = [
  "DELETE /v1/schedules/{id}",
  "DELETE /v1/sessions/{key}/turn",
  "DELETE /v1/tasks/{id}",
  "DELETE /v1/vms/{id}",
  "DELETE /v1/vms/{id}/terminals/{tid}",
  "GET /healthz",
  "GET /metrics",
  "GET /readyz",
  "GET /v1/actors",
  "GET /v1/actors/{address}",
  "GET /v1/actors/{address}/accepts",
  "GET /v1/actors/{address}/at/{revision}",
  "GET /v1/actors/{address}/history",
  "GET /v1/alerts",
  "GET /v1/alerts/{id}",
  "GET /v1/dead-letters",
  "GET /v1/feed",
  "GET /v1/goals",
  "GET /v1/goals/{id}",
  "GET /v1/goals/{id}/prompt",
  "GET /v1/kinds",
  "GET /v1/kinds/{kind}/definition",
  "GET /v1/pools",
  "GET /v1/pools/{name}",
  "GET /v1/schedules",
  "GET /v1/schedules/{id}",
  "GET /v1/schedules/{id}/preview",
  "GET /v1/sessions/{key}",
  "GET /v1/tasks",
  "GET /v1/tasks/{id}",
  "GET /v1/tasks/{id}/output",
  "GET /v1/tasks/{id}/stream",
  "GET /v1/vm-providers",
  "GET /v1/vms",
  "GET /v1/vms/{id}",
  "GET /v1/vms/{id}/changes",
  "GET /v1/vms/{id}/control",
  "GET /v1/vms/{id}/diff",
  "GET /v1/vms/{id}/events",
  "GET /v1/vms/{id}/files",
  "GET /v1/vms/{id}/files/content",
  "GET /v1/vms/{id}/log",
  "GET /v1/vms/{id}/ports",
  "GET /v1/vms/{id}/ports/{port}/{path}",
  "GET /v1/vms/{id}/stats",
  "GET /v1/vms/{id}/terminal",
  "GET /v1/vms/{id}/terminals",
  "GET /v1/vms/{id}/terminals/{tid}/search",
  "GET /v1/workspaces",
  "GET /v1/workspaces/{name}",
  "PATCH /v1/goals/{id}",
  "PATCH /v1/pools",
  "PATCH /v1/pools/{name}",
  "PATCH /v1/schedules/{id}",
  "PATCH /v1/workspaces/{name}",
  "POST /v1/actors/{address}/events",
  "POST /v1/alerts/{id}/acknowledge",
  "POST /v1/dead-letters/{id}/drop",
  "POST /v1/dead-letters/{id}/retry",
  "POST /v1/events",
  "POST /v1/goals",
  "POST /v1/goals/{id}/cancel",
  "POST /v1/goals/{id}/complete",
  "POST /v1/goals/{id}/delay",
  "POST /v1/goals/{id}/pause",
  "POST /v1/goals/{id}/resume",
  "POST /v1/schedules",
  "POST /v1/schedules/preview",
  "POST /v1/schedules/{id}/pause",
  "POST /v1/schedules/{id}/restore",
  "POST /v1/schedules/{id}/resume",
  "POST /v1/schedules/{id}/run",
  "POST /v1/sessions/{key}/turn",
  "POST /v1/tasks",
  "POST /v1/tasks/bulk",
  "POST /v1/tasks/{id}/cancel",
  "POST /v1/tasks/{id}/input",
  "POST /v1/tasks/{id}/pause",
  "POST /v1/tasks/{id}/resume",
  "POST /v1/tasks/{id}/retry",
  "POST /v1/vms",
  "POST /v1/vms/{id}/exec",
  "POST /v1/vms/{id}/recycle",
  "POST /v1/vms/{id}/retry",
  "POST /v1/vms/{id}/sleep",
  "POST /v1/vms/{id}/wake",
  "PUT /v1/vms/{id}/files/content",
  "PUT /v1/workspaces/{name}",
];

function operationsOf(document: Document): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ])
  );
}

Deno.test("/openapi.json describes every route, each under a name of its own", async () => {
  const document = await readDocument();
  assertMatch(document.openapi, /^3\.1\./);
  const operations = operationsOf(document);
  assertEquals(operations.map(([route]) => route).sort(), ROUTES);
  const names = new Set(operations.map(([, { operationId }]) => operationId));
  assertEquals(names.size, operations.length);
});

Deno.test("/openapi.json names every parameter of a path, and what may go wrong", async () => {
  for (const [route, operation] of operationsOf(await readDocument())) {
    const wanted = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const named = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    assertEquals([route, named.map(({ name }) => name)], [route, wanted]);
    assert(named.every(({ required }) => required), route);
    const statuses = Object.keys(operation.responses);
    for (const status of ["400", "422", "500", "503"]) {
      assert(statuses.includes(status), `${route} does not say ${status}`);
    }
    if (!route.startsWith("POST")) continue;
    const headers = (operation.parameters ?? []).filter((parameter) => parameter.in === "header");
    assert(headers.some(({ name }) => name === "Idempotency-Key"), route);
  }
});

Deno.test("/openapi.json refers to nothing that it does not have", async () => {
  const document = await readDocument();
  const text = JSON.stringify(document);
  const references = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];
  assert(references.length > 0);
  for (const [reference, group = "", name = ""] of references) {
    assert(document.components[group]?.[name] !== undefined, reference);
  }
});

Deno.test("/openapi.json has the bounds that the server keeps", async () => {
  const { components } = await readDocument();
  const task = components.schemas?.NewTask as { properties: Schema; additionalProperties: boolean };
  assertEquals(task.additionalProperties, false);
  assertEquals((task.properties.command as Schema).minItems, 1);
});

Deno.test("/docs and / need nothing from elsewhere", async () => {
  const app = createApp(partOfSystem({}));
  for (const path of ["/", "/docs"]) {
    const response = await app.request(path);
    const html = await response.text();
    assertStringIncludes(response.headers.get("content-type") ?? "", "text/html");
    assertStringIncludes(response.headers.get("content-security-policy") ?? "", "'self'");
    const parts = [...html.matchAll(/(?:src|href)="(\/[^"]+\.(?:js|css))"/g)].map(([, at]) => at);
    assert(parts.length > 1, `${path} has no parts`);
    for (const part of parts) {
      const answer = await app.request(part ?? "");
      assertEquals([part, answer.status], [part, 200]);
      await answer.body?.cancel();
    }
    assertEquals(/(?:src|href)="https?:/.test(html), false);
  }
});

Deno.test("/readyz says whether the system can work, /healthz that the process lives", async () => {
  await using edge = await openEdge();
  assertEquals(await edge.json("GET", "/readyz"), { status: "ready", reason: null });
  const full = createApp(partOfSystem({
    health: () => ({ status: "degraded", reason: "disk full" }),
  }));
  const degraded = await full.request("/readyz");
  assertEquals(degraded.status, 503);
  assertEquals(await degraded.json(), { status: "degraded", reason: "disk full" });
  assertEquals((await full.request("/healthz")).status, 200);
});

Deno.test("/metrics is Prometheus text whose labels no caller can add to", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["hang"], { key: 'of a "user"' });
  await edge.reached(id, "running.working");
  await (await edge.call("GET", "/made/up/path")).body?.cancel();
  await (await edge.call("INVENTED", "/healthz")).body?.cancel();
  const response = await edge.call("GET", "/metrics");
  assertMatch(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  const types = new Map<string, string>();
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE (\w+) (gauge|counter|histogram|summary)$/.exec(line);
    if (type !== null) types.set(type[1] ?? "", type[2] ?? "");
    if (line.startsWith("#")) continue;
    const sample =
      /^([a-z_]+?)(?:_bucket|_sum|_count)?(\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})? -?[\d.e+-]+$/
        .exec(line);
    assert(sample !== null, line);
    assert(types.has(sample[1] ?? "") || types.has(line.split(/[{ ]/)[0] ?? ""), line);
  }
  for (const [name, type] of types) {
    if (type === "counter") assertMatch(name, /_total$/);
  }
  assertStringIncludes(
    text,
    'holdfast_actors{kind="task",state="running.working",status="active"} 1\n',
  );
  assertStringIncludes(text, 'route="/v1/tasks",status="201"} 1\n');
  assertStringIncludes(text, 'route="unmatched",status="404"} 1\n');
  assertStringIncludes(text, 'method="other",route="unmatched",status="405"} 1\n');
  assertStringIncludes(text, 'holdfast_pool_held{pool="key"} 1\n');
  assertEquals(text.includes("user"), false);
  assertEquals(text.includes("/made/up"), false);
});
