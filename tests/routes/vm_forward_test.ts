import { assert, assertEquals, assertRejects } from "@std/assert";
import { vmContext } from "../../actors/vm_view.ts";
import type { VmHandle } from "../../actors/adapters/vm/provider.ts";
import { answerHeaders, requestHeaders } from "../../routes/lib/forward_headers.ts";
import { SocketClient } from "../testing/socket_client.ts";
import { problemOf } from "./support.ts";
import { openVmEdge, type VmEdge } from "./vm_edge.ts";

type Target = AsyncDisposable & { edge: VmEdge; vm: string; port: number; path: string };

/** A VM in which the target of `forward_target.ts` runs. */
async function openTarget(config: Parameters<typeof openVmEdge>[0] = {}): Promise<Target> {
  const edge = await openVmEdge(config);
  const vm = await edge.vm();
  const handle = vmContext(await edge.system.get(`vm:${vm}`)).handle as VmHandle;
  const said = Promise.withResolvers<number>();
  const abort = new AbortController();
  let output = "";
  const file = new URL("../testing/forward_target.ts", import.meta.url).pathname;
  const command = [Deno.execPath(), "run", "--no-lock", "--no-config", "--allow-net", file];
  const onOutput = ({ data }: { data: Uint8Array }) => {
    output += new TextDecoder().decode(data);
    const port = /port (\d+)/.exec(output)?.[1];
    if (port !== undefined) said.resolve(Number(port));
  };
  const running = edge.provider.exec(handle, { command, onOutput }, {
    key: "target",
    signal: abort.signal,
  });
  const ended = running.then(
    (exit) => said.reject(new Error(`The target ended: ${JSON.stringify(exit)} ${output}`)),
    (error) => said.reject(error),
  );
  const port = await said.promise;
  return {
    edge,
    vm,
    port,
    path: `/v1/vms/${vm}/ports/${port}`,
    async [Symbol.asyncDispose]() {
      abort.abort();
      await ended;
      await edge[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a forwarded request reaches the port as it was, and its answer comes back", async () => {
  await using target = await openTarget();
  const { edge, path } = target;
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    const body = method === "GET" ? null : "größe";
    const response = await edge.fetch(`${path}/a%20b/%C3%A9?x=1&x=%2F`, {
      method,
      body,
      headers: { "x-own": "kept", "content-type": "text/odd" },
    });
    const told = await response.json();
    assertEquals([told.method, told.path, told.body], [
      method,
      "/a%20b/%C3%A9?x=1&x=%2F",
      body ?? "",
    ]);
    assertEquals([told.headers["x-own"], told.headers["content-type"]], ["kept", "text/odd"]);
  }
  const head = await edge.fetch(`${path}/anything`, { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  assertEquals((await edge.fetch(`${path}/empty`)).status, 204);
});

Deno.test("forwarding keeps the caller's secrets, and tells what was asked for", async () => {
  await using target = await openTarget({ token: "secret-token" });
  const { edge, path, port, vm } = target;
  const response = await edge.fetch(`${path}/`, {
    headers: {
      authorization: "Bearer secret-token",
      cookie: "session=mine",
      referer: `${edge.url}/v1/tasks`,
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-prefix": "/lie",
    },
  });
  const text = await response.text();
  assert(!text.includes("secret-token") && !text.includes("mine") && !text.includes("/v1/tasks"));
  const { headers } = JSON.parse(text);
  assertEquals(headers["host"], `localhost:${port}`);
  assertEquals(headers["x-forwarded-for"], "127.0.0.1");
  assertEquals(headers["x-forwarded-host"], new URL(edge.url).host);
  assertEquals(headers["x-forwarded-proto"], "http");
  assertEquals(headers["x-forwarded-prefix"], `/v1/vms/${vm}/ports/${port}`);
});

Deno.test("forwarding lets nothing of the answer reach beyond its page", async () => {
  await using target = await openTarget();
  const response = await target.edge.fetch(`${target.path}/reaching`);
  assertEquals(await response.text(), "<script>1</script>");
  const { headers } = response;
  const policy = headers.get("content-security-policy") ?? "";
  assert(/^sandbox .*allow-scripts/.test(policy) && !policy.includes("same-origin"), policy);
  for (
    const name of [
      "set-cookie",
      "clear-site-data",
      "access-control-allow-origin",
      "access-control-allow-credentials",
      "www-authenticate",
      "service-worker-allowed",
    ]
  ) assertEquals(headers.get(name), null, name);
  assertEquals([headers.get("x-own"), headers.get("x-frame-options")], ["kept", "DENY"]);
});

Deno.test("a page from a VM is given its own parts, and reads nothing of ours", async () => {
  await using target = await openTarget();
  const { edge, path } = target;
  const policies = async (where: string, origin: string) => {
    const response = await edge.fetch(where, { headers: { origin } });
    await response.body?.cancel();
    const { headers } = response;
    return [
      headers.get("cross-origin-resource-policy"),
      headers.get("access-control-allow-origin"),
    ];
  };
  assertEquals(await policies(`${path}/app.js`, "null"), ["cross-origin", "null"]);
  assertEquals(await policies(`${path}/app.js`, "https://other.example"), ["cross-origin", null]);
  assertEquals(await policies("/v1/vms", "null"), ["same-origin", null]);
});

Deno.test("forwarding keeps redirects within the port's paths", async () => {
  await using target = await openTarget();
  const { edge, path, port } = target;
  const cases: [string, string][] = [
    ["/login?x=1", `${path}/login?x=1`],
    [`http://localhost:${port}/a`, `${path}/a`],
    [`http://127.0.0.1:${port}`, `${path}/`],
    ["next", "next"],
    ["//example.org/", "//example.org/"],
    ["https://example.org/a", "https://example.org/a"],
    [`http://localhost:${port}0/a`, `http://localhost:${port}0/a`],
  ];
  for (const [to, location] of cases) {
    const response = await edge.fetch(`${path}/redirect?to=${encodeURIComponent(to)}`, {
      redirect: "manual",
    });
    await response.body?.cancel();
    assertEquals(response.headers.get("location"), location);
  }
  const bare = await edge.fetch(`${path}?x=1`, { redirect: "manual" });
  await bare.body?.cancel();
  assertEquals([bare.status, bare.headers.get("location")], [308, `${path}/?x=1`]);
});

Deno.test("forwarding streams bodies both ways, however large", async () => {
  await using target = await openTarget();
  const { edge, path } = target;
  const bytes = 64 * 1024 * 1024;
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left <= 0) return controller.close();
      left -= 64 * 1024;
      controller.enqueue(new Uint8Array(64 * 1024));
    },
  });
  const counted = await edge.fetch(`${path}/count`, { method: "POST", body });
  assertEquals(await counted.json(), { bytes });
  const large = await edge.fetch(`${path}/large?bytes=${bytes}`);
  let came = 0;
  for await (const piece of large.body ?? []) came += piece.byteLength;
  assertEquals(came, bytes);
});

Deno.test("forwarding passes on what has come before the answer is whole", async () => {
  await using target = await openTarget();
  const { edge, path } = target;
  const reader = (await edge.fetch(`${path}/held`)).body?.getReader();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode((await reader?.read())?.value), "first ");
  await (await edge.fetch(`${path}/release`)).text();
  assertEquals(decoder.decode((await reader?.read())?.value), "second");
  assertEquals((await reader?.read())?.done, true);
});

Deno.test("forwarding passes on an answer that comes before the request is whole", async () => {
  await using target = await openTarget();
  const body = new Uint8Array(32 * 1024 * 1024);
  const response = await target.edge.fetch(`${target.path}/early`, { method: "POST", body });
  assertEquals([response.status, await response.text()], [413, "enough"]);
});

Deno.test("forwarding ends the port's side when the caller goes", async () => {
  await using target = await openTarget();
  const { edge, path } = target;
  const response = await edge.fetch(`${path}/held`);
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  await (await edge.fetch(`${path}/release`)).text();
});

Deno.test("a port on which nothing listens is a 502, a bad one a 422", async () => {
  await using edge = await openVmEdge();
  const vm = await edge.vm();
  const closed = await problemOf(await edge.fetch(`/v1/vms/${vm}/ports/9/x`));
  assertEquals([closed.status, closed.type], [502, "urn:holdfast:problem:port-closed"]);
  for (const port of ["0", "65536", "-1", "1.5", "http"]) {
    const problem = await problemOf(await edge.fetch(`/v1/vms/${vm}/ports/${port}/`));
    assertEquals(problem.status, 422, port);
  }
  const none = await problemOf(await edge.fetch(`/v1/vms/vm_none/ports/80/`));
  assertEquals(none.status, 404);
  await assertRejects(() => SocketClient.open(`${edge.url}/v1/vms/${vm}/ports/9/socket`));
});

Deno.test("a forwarded WebSocket passes text, bytes and its end both ways", async () => {
  await using target = await openTarget();
  const { edge, path } = target;
  const url = `${edge.url}${path}/socket`;
  await using client = await SocketClient.open(url, { protocols: ["other", "chat"] });
  assertEquals(client.protocol, "chat");
  client.send({ hello: "größe" });
  await client.message(({ hello }) => hello === "größe");
  client.send(new TextEncoder().encode("bytes ✓"));
  await client.shows(/bytes ✓/);
  client.send("end");
  assertEquals(await client.closed, { code: 4123, reason: "as you wish" });
});

Deno.test("a forwarded WebSocket delivers more than may wait", async () => {
  await using target = await openTarget();
  await using client = await SocketClient.open(`${target.edge.url}${target.path}/socket`);
  client.send("flood");
  await client.message(({ all }) => all === true);
  assertEquals(client.output.length, 20 * 1024 * 1024);
});

Deno.test("a forwarded WebSocket ends with its VM", async () => {
  await using target = await openTarget();
  const { edge, path, vm } = target;
  const client = await SocketClient.open(`${edge.url}${path}/socket`);
  await edge.system.send(`vm:${vm}`, { type: "vm.recycle" });
  const { code } = await client.closed;
  assert(code === 4410 || code === 1011, String(code));
});

Deno.test("pages of other origins, and those of VMs, open no WebSocket and change nothing", async () => {
  await using target = await openTarget();
  const { edge, path, vm } = target;
  const sockets = [`${path}/socket`, `/v1/vms/${vm}/control`, `/v1/vms/${vm}/terminal`];
  for (const origin of ["https://evil.example", "null", "http://localhost.evil.example"]) {
    const headers = { origin };
    for (const socket of sockets) {
      await assertRejects(() => SocketClient.open(edge.url + socket, { headers }));
    }
    for (const [method, where] of [["POST", `${path}/count`], ["POST", "/v1/tasks"]] as const) {
      const response = await edge.fetch(where, { method, headers });
      assertEquals((await problemOf(response)).status, 403, `${method} ${where} from ${origin}`);
    }
    const read = await edge.fetch("/v1/tasks", { headers });
    await read.body?.cancel();
    assertEquals(read.headers.get("access-control-allow-origin"), null);
  }
  const own = await SocketClient.open(edge.url + `${path}/socket`, {
    headers: { origin: edge.url },
  });
  await own.close();
});

Deno.test("a page of ours is given no script from a VM", async () => {
  await using target = await openTarget();
  for (const dest of ["script", "style", "worker", "serviceworker", "object"]) {
    const headers = { "sec-fetch-site": "same-origin", "sec-fetch-dest": dest };
    const response = await target.edge.fetch(`${target.path}/x.js`, { headers });
    assertEquals((await problemOf(response)).status, 403, dest);
  }
});

Deno.test("a WebSocket shows the token in a header, or among its protocols", async () => {
  const token = "s3cret/+ä";
  await using target = await openTarget({ token });
  const url = `${target.edge.url}/v1/vms/${target.vm}/control`;
  const encoded = (text: string) =>
    new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
  const protocols = ["holdfast.v1", `holdfast.bearer.${encoded(token)}`];
  await using client = await SocketClient.open(url, { protocols });
  assertEquals(client.protocol, "holdfast.v1");
  for (
    const wrong of [[], ["holdfast.v1"], ["holdfast.bearer."], [`holdfast.bearer.${encoded("no")}`]]
  ) await assertRejects(() => SocketClient.open(url, { protocols: wrong }));
  const plain = await target.edge.fetch(`/v1/vms/${target.vm}`, {
    headers: { "sec-websocket-protocol": protocols.join(", ") },
  });
  assertEquals((await problemOf(plain)).status, 401);
});

const place = { port: 3000, prefix: "/p" };

Deno.test("requestHeaders() drops what belongs to one connection", () => {
  const headers = new Headers({
    connection: "keep-alive, X-Hop",
    "x-hop": "1",
    te: "trailers",
    upgrade: "h2c",
    "sec-websocket-key": "k",
    origin: "http://h:1",
    accept: "*/*",
  });
  const url = new URL("https://h:1/");
  assertEquals(requestHeaders(headers, place, { url, from: null }), [
    ["accept", "*/*"],
    ["host", "localhost:3000"],
    ["origin", "http://localhost:3000"],
    ["x-forwarded-host", "h:1"],
    ["x-forwarded-proto", "https"],
    ["x-forwarded-prefix", "/p"],
  ]);
});

Deno.test("answerHeaders() keeps several of one name, and drops what the connection names", () => {
  const headers = answerHeaders([
    ["Vary", "a"],
    ["Vary", "b"],
    ["Connection", "x-hop"],
    ["X-Hop", "1"],
    ["Transfer-Encoding", "chunked"],
  ], place);
  assertEquals([...headers.keys()], [
    "content-security-policy",
    "cross-origin-resource-policy",
    "vary",
  ]);
  assertEquals(headers.get("vary"), "a, b");
});
