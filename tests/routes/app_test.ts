import { assertEquals, assertStringIncludes } from "@std/assert";
import { createApp } from "../../routes/app.ts";
import type { AppConfig } from "../../routes/config.ts";
import { partOfSystem, problemOf } from "./support.ts";

function app(config: Partial<AppConfig> = {}) {
  const system = partOfSystem({
    health: () => ({ status: "ready", reason: null }),
    pools: () => [{ name: "system", limit: 4, held: 1, waiting: 0 }],
    setPool: (name, limit) => Promise.resolve({ name, limit, held: 0, waiting: 0 }),
  });
  return createApp(system, { version: "1.2.3", ...config });
}

const json = { "content-type": "application/json" };
const patch = (body: BodyInit, headers: HeadersInit = json) => ({ method: "PATCH", body, headers });
const limits = JSON.stringify({ name: "system", limit: 2 });

Deno.test("app answers an unknown path with a problem", async () => {
  const response = await app().request("/v1/nothing");
  const problem = await problemOf(response);
  assertEquals(response.status, 404);
  assertEquals([problem.status, problem.instance], [404, "/v1/nothing"]);
  assertEquals(typeof problem.type, "string");
  assertEquals(typeof problem.title, "string");
});

Deno.test("app answers a wrong method with those that the path takes", async () => {
  const response = await app().request("/v1/pools", { method: "DELETE" });
  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "GET, HEAD, PATCH");
  const one = await app().request("/v1/actors/task:a/history", { method: "PUT" });
  assertEquals([one.status, one.headers.get("allow")], [405, "GET, HEAD"]);
});

Deno.test("app answers HEAD as GET without a body", async () => {
  const response = await app().request("/v1/pools", { method: "HEAD" });
  assertEquals([response.status, await response.text()], [200, ""]);
});

Deno.test("app gives every answer an id and takes the caller's", async () => {
  const own = await app().request("/healthz");
  assertEquals(own.headers.get("x-request-id"), "req_1");
  const given = await app().request("/nothing", { headers: { "x-request-id": "trace-7" } });
  assertEquals(given.headers.get("x-request-id"), "trace-7");
  const odd = await app().request("/healthz", { headers: { "x-request-id": "a b" } });
  assertEquals(odd.headers.get("x-request-id"), "req_1");
});

Deno.test("app tells browsers to run nothing of an answer", async () => {
  for (const path of ["/healthz", "/nothing"]) {
    const { headers } = await app().request(path);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertStringIncludes(headers.get("content-security-policy") ?? "", "default-src 'none'");
    assertEquals(headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("app refuses a body that is announced as too large", async () => {
  const headers = { ...json, "content-length": "1048577" };
  const response = await app().request("/v1/pools", patch("{}", headers));
  assertEquals((await problemOf(response)).status, 413);
});

Deno.test("app reads no more than the limit of a body that does not say its size", async () => {
  let pulled = 0;
  const chunk = new TextEncoder().encode(" ".repeat(64 * 1024));
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled += chunk.byteLength;
      controller.enqueue(chunk);
    },
  });
  const response = await app().request("/v1/pools", patch(body));
  assertEquals((await problemOf(response)).status, 413);
  assertEquals(pulled <= 2 * 1024 * 1024, true, `${pulled} bytes were read`);
});

Deno.test("app refuses what it cannot read", async () => {
  const cases: [BodyInit, HeadersInit, number][] = [
    ["{", json, 400],
    ["", json, 422],
    [new Uint8Array([0x22, 0xff, 0x22]), json, 400],
    ["[".repeat(65) + "]".repeat(65), json, 400],
    [limits, {}, 415],
    [limits, { "content-type": "application/x-www-form-urlencoded" }, 415],
    [JSON.stringify({ name: "system", limit: 2, more: 1 }), json, 422],
    [JSON.stringify({ name: "system", limit: "2" }), json, 422],
    [limits, { "content-type": "application/json; charset=utf-8" }, 200],
  ];
  for (const [body, headers, status] of cases) {
    const response = await app().request("/v1/pools", patch(body, headers));
    assertEquals([String(body).slice(0, 20), response.status], [String(body).slice(0, 20), status]);
    await response.body?.cancel();
  }
});

Deno.test("app points at what is wrong with a body", async () => {
  const response = await app().request("/v1/pools", patch(JSON.stringify({ limit: -1, b: 1 })));
  const { errors } = await problemOf(response);
  const pointers = (errors as { pointer: string }[]).map(({ pointer }) => pointer);
  assertEquals(pointers.sort(), ["/b", "/limit", "/name"]);
});

Deno.test("app names the parameter that is wrong", async () => {
  for (const query of ["limit=0", "limit=201", "limit=a", "limt=1", "cursor="]) {
    const response = await app().request(`/v1/pools?${query}`);
    const { status, errors } = await problemOf(response);
    assertEquals([query, status], [query, 422]);
    assertEquals((errors as { name: string }[])[0]?.name, query.split("=")[0]);
  }
});

Deno.test("app refuses a URL that is too long", async () => {
  const response = await app().request(`/v1/pools?cursor=${"a".repeat(9000)}`);
  assertEquals((await problemOf(response)).status, 414);
});

Deno.test("app asks for the token wherever there is data", async () => {
  const secured = app({ token: "s3cret" });
  for (const path of ["/v1/pools", "/v1/feed", "/metrics", "/nothing"]) {
    const response = await secured.request(path);
    assertEquals([path, response.status], [path, 401]);
    assertStringIncludes(response.headers.get("www-authenticate") ?? "", "Bearer");
    await response.body?.cancel();
  }
  for (const path of ["/", "/healthz", "/readyz", "/openapi.json", "/docs", "/static/tasks.js"]) {
    const response = await secured.request(path);
    assertEquals([path, response.status], [path, 200]);
    await response.body?.cancel();
  }
});

Deno.test("app takes the right token and no other", async () => {
  const secured = app({ token: "s3cret" });
  const statusOf = async (authorization: string) => {
    const response = await secured.request("/v1/pools", { headers: { authorization } });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await statusOf("Bearer s3cret"), 200);
  for (const wrong of ["Bearer s3cre", "Bearer s3crett", "Basic s3cret", "s3cret", "Bearer "]) {
    assertEquals([wrong, await statusOf(wrong)], [wrong, 401]);
  }
});

Deno.test("app answers to this machine's names alone where there is no token", async () => {
  for (const host of ["localhost:7717", "127.0.0.1:7717", "127.0.0.2", "[::1]:7717"]) {
    const response = await app().request(`http://${host}/v1/pools`);
    assertEquals([host, response.status], [host, 200]);
    await response.body?.cancel();
  }
  for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"]) {
    const response = await app().request(`http://${host}/v1/pools`);
    assertEquals([host, (await problemOf(response)).status], [host, 421]);
  }
  const named = await app({ allowedHosts: ["box.example"] }).request("http://box.example/v1/pools");
  assertEquals(named.status, 200);
});

Deno.test("app lets no page of a foreign origin change anything", async () => {
  const from = (origin: string) => patch(limits, { ...json, origin });
  const statusOf = async (origin: string, config: Partial<AppConfig> = {}) =>
    (await app(config).request("http://localhost:7717/v1/pools", from(origin))).status;
  assertEquals(await statusOf("http://localhost:7717"), 200);
  assertEquals(await statusOf("http://localhost:9999"), 403);
  assertEquals(await statusOf("https://evil.example"), 403);
  assertEquals(await statusOf("null"), 403);
  const corsOrigins = ["https://ui.example"];
  assertEquals(await statusOf("https://ui.example", { corsOrigins }), 200);
});

Deno.test("app opens to other origins only where told", async () => {
  const preflight = {
    method: "OPTIONS",
    headers: { origin: "https://ui.example", "access-control-request-method": "POST" },
  };
  const closed = await app().request("/v1/pools", preflight);
  assertEquals(closed.headers.get("access-control-allow-origin"), null);
  const open = await app({ corsOrigins: ["https://ui.example"], token: "s3cret" })
    .request("/v1/pools", preflight);
  assertEquals([open.status, open.headers.get("access-control-allow-origin")], [
    204,
    "https://ui.example",
  ]);
});

Deno.test("app logs a failure and tells the caller nothing of it", async () => {
  const logged: unknown[] = [];
  const broken = createApp(
    partOfSystem({
      pools: () => {
        throw new Error("secret inside");
      },
    }),
    { log: (level, _message, fields) => level === "error" && logged.push(fields?.error) },
  );
  const response = await broken.request("/v1/pools");
  const problem = await problemOf(response);
  assertEquals(problem.status, 500);
  assertEquals(JSON.stringify(problem).includes("secret"), false);
  assertEquals(logged.length, 1);
});
