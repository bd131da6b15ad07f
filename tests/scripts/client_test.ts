import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { z } from "zod";
import {
  type Client,
  createClient,
  RefusedError,
  UnreachableError,
} from "../../scripts/lib/client.ts";
import { EXIT } from "../../scripts/lib/exit_codes.ts";
import { freePort } from "../testing/run_task.ts";

const Anything = z.unknown();

/** Asks a client of a server that answers as told. */
async function asking<T>(
  answer: (request: Request) => Response | Promise<Response>,
  ask: (client: Client) => Promise<T>,
): Promise<T> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  const url = `http://127.0.0.1:${server.addr.port}`;
  return await ask(createClient({ url, token: "t0ken" }));
}

function problem(status: number, members: object): Response {
  return Response.json({ type: "urn:x", title: "No", status, ...members }, {
    status,
    headers: { "content-type": "application/problem+json" },
  });
}

Deno.test("a client sends its token, its query and what it posts", async () => {
  const seen = await asking(
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const { authorization, "idempotency-key": key } = Object.fromEntries(request.headers);
      const got = { path: `${pathname}${search}`, authorization, key, body: await request.text() };
      return Response.json(got);
    },
    async (client) => [
      await client.get("/a", {
        schema: Anything,
        query: { n: 1, label: ["x=1", "y"], none: undefined },
      }),
      await client.post("/b", { c: 2 }, { schema: Anything, key: "k" }),
    ],
  );
  const authorization = "Bearer t0ken";
  assertEquals(seen, [
    { path: "/a?n=1&label=x%3D1&label=y", authorization, body: "" },
    { path: "/b", authorization, key: "k", body: `{"c":2}` },
  ]);
});

Deno.test("a client says how to start a server that does not listen", async () => {
  const url = `http://127.0.0.1:${freePort()}`;
  const client = createClient({ url, token: null });
  const error = await assertRejects(
    () => client.get("/x", { schema: Anything }),
    UnreachableError,
    `Cannot reach the server at ${url}: nothing listens there; start it with "deno task start"`,
  );
  assertEquals(error.exitCode, EXIT.unavailable);
  assertEquals(error.message.includes("\n"), false);
});

const REFUSALS = [
  [404, EXIT.notFound],
  [409, EXIT.failed],
  [422, EXIT.usage],
  [503, EXIT.unavailable],
] as const;

for (const [status, exitCode] of REFUSALS) {
  Deno.test(`a client turns a refusal with ${status} into exit code ${exitCode}`, async () => {
    const detail = "Cannot do it: it is late";
    const error = await assertRejects(
      () =>
        asking(
          () => problem(status, { detail }),
          (client) => client.get("/x", { schema: Anything }),
        ),
      RefusedError,
      detail,
    );
    assertEquals(error.exitCode, exitCode);
  });
}

Deno.test("a client lists the faults of its input, and says where the token belongs", async () => {
  const errors = [{ pointer: "/a", detail: "too long" }, { name: "limit", detail: "too large" }];
  const faulty = () => problem(422, { detail: "Cannot take /a", errors });
  const { message } = await assertRejects(
    () => asking(faulty, (client) => client.get("/x", { schema: Anything })),
    RefusedError,
  );
  assertEquals(message, "Cannot take /a\n  /a: too long\n  limit: too large");
  await assertRejects(
    () =>
      asking(
        () => problem(401, { detail: "Cannot answer without a bearer token" }),
        (client) => client.get("/x", { schema: Anything }),
      ),
    RefusedError,
    "HOLDFAST_TOKEN",
  );
});

Deno.test("a client refuses an answer that is not what it is to be", async () => {
  const wrong = () => Response.json({ id: 7 });
  const schema = z.object({ id: z.string() });
  const { message } = await assertRejects(
    () => asking(wrong, (client) => client.get("/x", { schema })),
    Error,
  );
  assertStringIncludes(message, "id is not as expected");
  const page = () =>
    new Response("<html>", { status: 404, headers: { "content-type": "text/html" } });
  await assertRejects(
    () => asking(page, (client) => client.get("/x", { schema })),
    RefusedError,
    "it answered 404",
  );
});

Deno.test("a client reads events with their ids, and goes on behind the last one", async () => {
  const seen: (string | null)[] = [];
  const events = await asking(
    (request) => {
      seen.push(request.headers.get("last-event-id"));
      return new Response("retry: 1\n\n: beat\n\nid: 4-2\nevent: output\ndata: {}\n\n", {
        headers: { "content-type": "text/event-stream" },
      });
    },
    (client) => Array.fromAsync(client.events("/s", { after: "3-1" })),
  );
  assertEquals(seen, ["3-1"]);
  assertEquals(events, [{ id: "4-2", event: "output", data: "{}" }]);
});

Deno.test("a client tells a connection that broke off from a stream that ended", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = createClient({ url: `http://127.0.0.1:${listener.addr.port}`, token: null });
  const asked = Array.fromAsync(client.events("/s"));
  const connection = await listener.accept();
  await connection.read(new Uint8Array(4_096));
  const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  await connection.write(new TextEncoder().encode(`${head}9\r\ndata: 1\n\n\r\n`));
  connection.close();
  await assertRejects(() => asked, UnreachableError);
});
