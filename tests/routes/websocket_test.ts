import { assert, assertEquals, assertRejects } from "@std/assert";
import { OpenAPIHono } from "@hono/zod-openapi";
import { systemClock } from "../../actors/runtime/clock.ts";
import { createApp } from "../../routes/app.ts";
import { resolveConfig } from "../../routes/config.ts";
import type { Api, Env } from "../../routes/endpoint.ts";
import { openSocket, type Socket, type SocketMessage } from "../../routes/lib/websocket.ts";
import { createStreams } from "../../routes/streams.ts";
import { SocketClient } from "../testing/socket_client.ts";
import { partOfSystem, problemOf } from "./support.ts";

/** A server whose every path is a WebSocket. */
function serveSockets(
  { maxStreams = 2, pingMs = 10_000, message }: {
    maxStreams?: number;
    pingMs?: number;
    message?: (data: SocketMessage, socket: Socket) => void;
  } = {},
) {
  const app = new OpenAPIHono<Env>();
  const logged: unknown[] = [];
  const config = resolveConfig({ log: (...entry) => logged.push(entry) });
  const streams = createStreams({ maxStreams, heartbeatMs: 1_000, clock: systemClock });
  const api = { app, config, streams } as unknown as Api;
  const opened = Promise.withResolvers<Socket>();
  app.onError((error) => new Response(error.message, { status: 429 }));
  app.all("*", (c) =>
    openSocket(api, c, {
      pingMs,
      opened: (socket) => {
        opened.resolve(socket);
        return { message: (data) => message?.(data, socket) };
      },
    }));
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  const { port } = server.addr;
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    streams,
    logged,
    opened: opened.promise,
    /** Resolves when no connection is counted any more. */
    async free() {
      while (streams.count() > 0) await (await fetch(`http://127.0.0.1:${port}/`)).text();
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

Deno.test("openSocket() ends a peer that does not answer pings", async () => {
  await using server = serveSockets({ pingMs: 50 });
  using peer = await Deno.connect({ port: server.port });
  const lines = [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  await peer.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  const socket = await server.opened;
  await aborted(socket.signal);
  await server.free();
});

Deno.test("openSocket() keeps a peer that answers pings", async () => {
  await using server = serveSockets({
    pingMs: 1_000,
    message: (data, socket) => socket.sendText(String(data)),
  });
  await using client = await SocketClient.open(server.url);
  const until = performance.now() + 2_500;
  // Each answer comes back some pings later, since the turn of the event loop is given away.
  while (performance.now() < until) await (await fetch(server.url)).text();
  client.send({ still: "here" });
  await client.message(({ still }) => still === "here");
});

Deno.test("openSocket() counts connections among the streams", async () => {
  await using server = serveSockets({ maxStreams: 1 });
  const first = await SocketClient.open(server.url);
  await assertRejects(() => SocketClient.open(server.url), Error, "429");
  await first.close();
  await server.free();
  const second = await SocketClient.open(server.url);
  await second.close();
});

Deno.test("openSocket() ends a connection whose handler fails, and logs why", async () => {
  await using server = serveSockets({
    message: () => {
      throw new Error("It broke");
    },
  });
  const client = await SocketClient.open(server.url);
  client.send("x");
  assertEquals((await client.closed).code, 1011);
  assert(JSON.stringify(server.logged).includes("websocket failed"));
});

Deno.test("Socket.close() cuts a reason to what a close frame can carry", async () => {
  await using server = serveSockets({
    message: (_data, socket) => socket.close(4410, "é".repeat(200)),
  });
  const client = await SocketClient.open(server.url);
  client.send("x");
  const { code, reason } = await client.closed;
  assertEquals([code, /^é{50,}…$/.test(reason)], [4410, true], reason);
});

Deno.test("what is answered over a WebSocket alone says so", async () => {
  const vms = { providers: { all: () => [] } } as never;
  const app = createApp(partOfSystem({}), { vms });
  for (const path of ["/v1/vms/vm_1/terminal", "/v1/vms/vm_1/control"]) {
    const response = await app.request(path);
    assertEquals(response.headers.get("upgrade"), "websocket");
    assertEquals((await problemOf(response)).status, 426);
  }
});
