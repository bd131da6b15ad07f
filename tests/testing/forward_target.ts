/** A server for tests of port forwarding: run in a VM, it says its port and answers by path. */

const PIECE = new Uint8Array(64 * 1024).fill(120);

function large(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close();
      controller.enqueue(PIECE.subarray(0, Math.min(left, PIECE.byteLength)));
      left -= PIECE.byteLength;
    },
  });
}

async function count(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let bytes = 0;
  for await (const piece of body ?? []) bytes += piece.byteLength;
  return bytes;
}

/** Sends back what it is sent; `flood` is answered with many messages, `end` with a close. */
function echo(request: Request): Response {
  const offered = request.headers.get("sec-websocket-protocol")?.split(/, */) ?? [];
  const { socket, response } = Deno.upgradeWebSocket(
    request,
    offered.includes("chat") ? { protocol: "chat" } : {},
  );
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (data === "end") return socket.close(4123, "as you wish");
    if (data !== "flood") return socket.send(data);
    for (let i = 0; i < 320; i++) socket.send(PIECE);
    socket.send(`{"all": true}`);
  };
  return response;
}

/** The first part at once, the second when another request lets it. */
let release = Promise.withResolvers<void>();

function held(): Response {
  const encoder = new TextEncoder();
  release = Promise.withResolvers();
  return new Response(
    new ReadableStream({
      async start(controller) {
        controller.enqueue(encoder.encode("first "));
        await release.promise;
        controller.enqueue(encoder.encode("second"));
        controller.close();
      },
    }),
  );
}

async function answer(request: Request): Promise<Response> {
  const { pathname, search, searchParams } = new URL(request.url);
  switch (pathname) {
    case "/socket":
      return echo(request);
    case "/count":
      return Response.json({ bytes: await count(request.body) });
    case "/large":
      return new Response(large(Number(searchParams.get("bytes"))));
    case "/early":
      return new Response("enough", { status: 413 });
    case "/held":
      return held();
    case "/release":
      release.resolve();
      return new Response("released");
    case "/empty":
      return new Response(null, { status: 204 });
    case "/redirect":
      return new Response(null, {
        status: 302,
        headers: { location: searchParams.get("to") ?? "" },
      });
    case "/reaching":
      return new Response("<script>1</script>", {
        headers: {
          "content-type": "text/html",
          "set-cookie": "holdfast=stolen; path=/",
          "clear-site-data": '"*"',
          "access-control-allow-origin": "*",
          "access-control-allow-credentials": "true",
          "www-authenticate": "Basic realm=x",
          "content-security-policy": "default-src *",
          "service-worker-allowed": "/",
          "x-own": "kept",
        },
      });
    default: {
      const headers = Object.fromEntries(request.headers);
      const body = await request.text();
      return Response.json({ method: request.method, path: pathname + search, headers, body });
    }
  }
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => void Deno.stdout.writeSync(new TextEncoder().encode(`port ${port}\n`)),
}, answer);
