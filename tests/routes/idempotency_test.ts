import { assertEquals, assertRejects } from "@std/assert";
import { DrainingError, KeyReusedError, NotFoundError } from "../../actors/runtime/errors.ts";
import type { Json } from "../../actors/runtime/json.ts";
import { answer } from "../../routes/answer.ts";
import { createIdempotency, fingerprintOf, readKey } from "../../routes/idempotency.ts";
import { partOfSystem } from "./support.ts";

const refused = (error: unknown) =>
  answer({ detail: String(error) }, { status: error instanceof NotFoundError ? 404 : 503 });

function setUp() {
  const kept = new Map<string, { fingerprint: string; answer: Json }>();
  const system = partOfSystem({
    answerTo: (key, fingerprint) => {
      const row = kept.get(key);
      if (row !== undefined && row.fingerprint !== fingerprint) {
        return Promise.reject(new KeyReusedError("used"));
      }
      return Promise.resolve(row?.answer);
    },
    keepAnswer: (key, fingerprint, answer) => {
      kept.set(key, { fingerprint, answer });
      return Promise.resolve();
    },
  });
  const { run } = createIdempotency(system, (text) => text);
  let calls = 0;
  const work = () => Promise.resolve(answer({ call: ++calls }, { status: 201 }));
  return { run, work, calls: () => calls };
}

const request = { key: "k", fingerprint: "f" };

Deno.test("run() gives the same answer again, and does the work once", async () => {
  const { run, work, calls } = setUp();
  const first = await run(request, work, refused);
  const second = await run(request, work, refused);
  assertEquals([first.status, first.body], [second.status, second.body]);
  assertEquals(second.headers["idempotency-replayed"], "true");
  assertEquals(calls(), 1);
});

Deno.test("run() lets one of two requests at once do the work", async () => {
  const { run, work, calls } = setUp();
  const both = await Promise.all([run(request, work, refused), run(request, work, refused)]);
  assertEquals(both.map(({ body }) => body), [{ call: 1 }, { call: 1 }]);
  assertEquals(calls(), 1);
});

Deno.test("run() refuses a key that was used for something else", async () => {
  const { run, work } = setUp();
  await run(request, work, refused);
  await assertRejects(
    () => run({ ...request, fingerprint: "other" }, work, refused),
    KeyReusedError,
  );
});

Deno.test("run() keeps a refusal that is final", async () => {
  const { run, work, calls } = setUp();
  const missing = () => Promise.reject(new NotFoundError("no task"));
  await assertRejects(() => run(request, missing, refused), NotFoundError);
  assertEquals((await run(request, work, refused)).status, 404);
  assertEquals(calls(), 0);
});

Deno.test("run() does not keep a refusal that speaks of the server", async () => {
  const { run, work } = setUp();
  const draining = () => Promise.reject(new DrainingError("stopping"));
  await assertRejects(() => run(request, draining, refused), DrainingError);
  assertEquals((await run(request, work, refused)).status, 201);
});

Deno.test("run() does not keep an answer that its maker calls unfinished", async () => {
  const { run, work, calls } = setUp();
  await run(request, (once) => {
    once.doNotKeep();
    return work();
  }, refused);
  await run(request, work, refused);
  assertEquals(calls(), 2);
});

Deno.test("keyOf() is the same when the request comes again, and another for another part", async () => {
  const { run } = setUp();
  const keys: (string | undefined)[] = [];
  for (let i = 0; i < 2; i++) {
    await run(request, (once) => {
      once.doNotKeep();
      keys.push(once.keyOf("0"), once.keyOf("1"));
      return Promise.resolve(answer(null));
    }, refused);
  }
  assertEquals(keys[0], keys[2]);
  assertEquals(keys[0] === keys[1], false);
});

Deno.test("fingerprintOf() tells path, query and body apart", () => {
  const prints = [
    fingerprintOf("POST", "http://a/x", "{}"),
    fingerprintOf("POST", "http://a/y", "{}"),
    fingerprintOf("POST", "http://a/x?q=1", "{}"),
    fingerprintOf("POST", "http://a/x", "{ }"),
  ];
  assertEquals(new Set(prints).size, 4);
});

Deno.test("readKey() refuses keys that cannot be kept", async () => {
  assertEquals(readKey(undefined), undefined);
  assertEquals(readKey("order-1"), "order-1");
  for (const key of ["", "a".repeat(256), "tab\there"]) {
    await assertRejects(() => Promise.resolve().then(() => readKey(key)), Error, "Idempotency-Key");
  }
});
