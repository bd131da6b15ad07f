import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createRedactor } from "../../actors/adapters/redact.ts";
import { DrainingError } from "../../actors/runtime/errors.ts";
import { type Edge, failing, openEdge, problemOf } from "./support.ts";

const faultsOf = async (edge: Edge, body: unknown) => {
  const response = await edge.call("POST", "/v1/tasks", { body });
  const { status, errors, detail } = await problemOf(response);
  const pointers = ((errors ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);
  return { status, pointers, detail: String(detail) };
};

Deno.test("POST /v1/tasks makes a task that runs to its result", async () => {
  await using edge = await openEdge();
  const response = await edge.call("POST", "/v1/tasks", {
    body: { executor: "command", command: ["say", "hello"], title: "Greet", labels: { team: "a" } },
  });
  const made = await response.json();
  assertEquals(response.status, 201);
  assertEquals(response.headers.get("location"), `/v1/tasks/${made.id}`);
  assertEquals(response.headers.get("etag"), `"${made.revision}"`);
  assertMatch(made.id, /^task_/);
  assertMatch(made.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  const ended = await edge.json("GET", `/v1/tasks/${made.id}?waitMs=10000`);
  assertEquals(ended.state, "succeeded");
  const { exitCode, output, truncated } = ended.result as Record<string, unknown>;
  assertEquals({ exitCode, output, truncated }, { exitCode: 0, output: "hello", truncated: false });
  assertEquals([ended.title, ended.labels, ended.trigger], ["Greet", { team: "a" }, "api"]);
  assertMatch(String(ended.endedAt), /Z$/);
});

Deno.test("POST /v1/tasks takes every field in its forms", async () => {
  await using edge = await openEdge();
  const first = await edge.task(["say"]);
  const startAt = new Date(Date.now() + 3_600_000).toISOString();
  const made = await edge.json("POST", "/v1/tasks", {
    status: 201,
    body: {
      id: "task_mine-1",
      command: ["say", ""],
      workspace: { repo: "https://git.example/a.git", ref: "main" },
      priority: "urgent",
      dependsOn: [first],
      startAt,
      key: "deploy",
      env: { A: "1" },
      envFrom: ["LANG"],
      queueTtlMs: 1000,
      stuckAfterMs: 1000,
      killGraceMs: 0,
      maxAttemptsTotal: 3,
      retryOn: ["network"],
      agent: "a1",
      parent: "goal:g1",
      trigger: "schedule",
      createdBy: "someone",
      requireApproval: true,
      interactive: true,
      prompt: "é".repeat(61_440),
      session: "s".repeat(200),
    },
  });
  assertEquals(made.id, "task_mine-1");
  const task = await edge.json("GET", "/v1/tasks/task_mine-1");
  assertEquals([task.priority, task.key, task.startAt], [4, { name: "deploy" }, startAt]);
  assertEquals([task.state, task.envNames], ["pending", ["A", "LANG"]]);
  assertEquals([task.prompt, task.session], ["é".repeat(61_440), "s".repeat(200)]);
  for (const more of [{ priority: 3 }, { startAt: 1 }, { key: { name: "k", exclusive: false } }]) {
    await edge.task(["say"], more);
  }
});

Deno.test("POST /v1/tasks points at every fault", async () => {
  await using edge = await openEdge();
  const cases: [unknown, string[]][] = [
    [{}, ["/command"]],
    [{ command: [] }, ["/command"]],
    [{ command: [""] }, ["/command"]],
    [{ command: "deno" }, ["/command"]],
    [{ command: ["a", 1] }, ["/command/1"]],
    [{ command: ["a\0b"] }, ["/command/0"]],
    [{ command: ["a"], nope: 1, "x/y": 2 }, ["/nope", "/x~1y"]],
    [{ command: ["a"], executor: "magic" }, ["/executor"]],
    [{ command: ["a"], priority: "huge" }, ["/priority"]],
    [{ command: ["a"], priority: 5 }, ["/priority"]],
    [{ command: ["a"], workspace: {} }, ["/workspace/path"]],
    [{ command: ["a"], workspace: { path: "relative" } }, ["/workspace/path"]],
    [{ command: ["a"], timeoutMs: 0 }, ["/timeoutMs"]],
    [{ command: ["a"], timeoutMs: "1" }, ["/timeoutMs"]],
    [{ command: ["a"], startAt: "tomorrow" }, ["/startAt"]],
    [{ command: ["a"], startAt: "9999-01-01T00:00:00Z" }, ["/startAt"]],
    [{ command: ["a"], env: { "A B": "1" } }, ["/env/A B"]],
    [{ command: ["a"], env: { HOLDFAST_TOKEN: "1" } }, ["/env/HOLDFAST_TOKEN"]],
    [{ command: ["a"], id: "mine" }, ["/id"]],
    [{ command: ["a"], parent: "nobody" }, ["/parent"]],
    [{ command: ["a"], killGraceMs: 60_000 }, ["/killGraceMs"]],
    [{ command: ["a"], prompt: `${"é".repeat(61_440)}.` }, ["/prompt"]],
    [{ command: ["a"], session: "" }, ["/session"]],
    [{ command: ["a"], session: "s".repeat(201) }, ["/session"]],
    [[], [""]],
  ];
  for (const [body, pointers] of cases) {
    const faults = await faultsOf(edge, body);
    assertEquals([body, faults.status, faults.pointers], [body, 422, pointers]);
  }
});

Deno.test("POST /v1/tasks wants dependencies that exist and close no cycle", async () => {
  await using edge = await openEdge();
  const first = await edge.task(["say"]);
  const unknown = await faultsOf(edge, { command: ["a"], dependsOn: [first, "task_none"] });
  assertEquals([unknown.status, unknown.pointers], [422, ["/dependsOn/1"]]);
  assertStringIncludes(unknown.detail, "task_none");
  const itself = await faultsOf(edge, { id: "task_a", command: ["a"], dependsOn: ["task_a"] });
  assertEquals([itself.status, itself.pointers], [422, ["/dependsOn/0"]]);
  assertStringIncludes(itself.detail, "cycle");
});

Deno.test("POST /v1/tasks refuses an id that is taken", async () => {
  await using edge = await openEdge();
  await edge.task(["say"], { id: "task_one" });
  const response = await edge.call("POST", "/v1/tasks", {
    body: { id: "task_one", command: ["say"] },
  });
  assertEquals((await problemOf(response)).status, 409);
});

Deno.test("POST /v1/tasks makes one task for a key, however often it is asked", async () => {
  await using edge = await openEdge();
  const request = { body: { command: ["say"] }, headers: { "idempotency-key": "order-1" } };
  const [one, two] = await Promise.all([
    edge.call("POST", "/v1/tasks", request),
    edge.call("POST", "/v1/tasks", request),
  ]);
  const three = await edge.call("POST", "/v1/tasks", request);
  const bodies = await Promise.all([one, two, three].map((response) => response.text()));
  assertEquals(new Set(bodies).size, 1);
  assertEquals([one.status, two.status, three.status], [201, 201, 201]);
  assertEquals(three.headers.get("idempotency-replayed"), "true");
  assertEquals(three.headers.get("location"), one.headers.get("location"));
  assertEquals((await edge.system.list("task")).items.length, 1);

  const other = await edge.call("POST", "/v1/tasks", { ...request, body: { command: ["fail"] } });
  assertEquals((await problemOf(other)).status, 422);
});

Deno.test("POST /v1/tasks gives what waits already for its coalesceKey", async () => {
  await using edge = await openEdge();
  await edge.system.setPool("system", 0);
  const body = { command: ["say"], coalesceKey: "build" };
  const both = await Promise.all([
    edge.call("POST", "/v1/tasks", { body }),
    edge.call("POST", "/v1/tasks", { body }),
  ]);
  const [one, two] = await Promise.all(both.map((response) => response.json()));
  assertEquals(both.map(({ status }) => status).sort(), [200, 201]);
  assertEquals(one.id, two.id);

  await edge.system.setPool("system", 1);
  await edge.reached(one.id, "succeeded");
  const third = await edge.json("POST", "/v1/tasks", { body, status: 201 });
  assertEquals(third.id === one.id, false);
});

Deno.test("GET /v1/tasks filters, sorts and pages", async () => {
  await using edge = await openEdge();
  await edge.system.setPool("system", 0);
  const a = await edge.task(["say"], { labels: { team: "a", "x": "1" }, priority: "high" });
  const b = await edge.task(["say"], { labels: { team: "a" }, agent: "g1" });
  const c = await edge.task(["say"], { workspace: { path: "/src" }, parent: "goal:g" });
  const idsOf = async (query: string) => {
    const { items } = await edge.json("GET", `/v1/tasks?${query}`);
    return (items as { id: string }[]).map(({ id }) => id);
  };
  assertEquals(await idsOf(""), [c, b, a]);
  assertEquals(await idsOf("sort=oldest"), [a, b, c]);
  assertEquals(await idsOf("label=team=a"), [b, a]);
  assertEquals(await idsOf("label=team=a&label=x=1"), [a]);
  assertEquals(await idsOf("priority=high"), [a]);
  assertEquals(await idsOf("priority=3"), [a]);
  assertEquals(await idsOf("agent=g1"), [b]);
  assertEquals(await idsOf("workspace=/src"), [c]);
  assertEquals(await idsOf("parent=goal:g"), [c]);
  assertEquals(await idsOf("state=queued"), [c, b, a]);
  assertEquals(await idsOf("state=running"), []);

  const first = await edge.json("GET", "/v1/tasks?limit=2");
  const second = await edge.json("GET", `/v1/tasks?limit=2&cursor=${first.nextCursor}`);
  assertEquals((second.items as { id: string }[]).map(({ id }) => id), [a]);
  assertEquals(second.nextCursor, null);
});

Deno.test("GET /v1/tasks refuses a cursor that it never gave", async () => {
  await using edge = await openEdge();
  for (const query of ["cursor=abc", "cursor=c!!", `cursor=c${"z".repeat(11)}`, "sort=up"]) {
    const response = await edge.call("GET", `/v1/tasks?${query}`);
    assertEquals([query, (await problemOf(response)).status], [query, 422]);
  }
});

Deno.test("GET /v1/tasks/{id} does not find what is not there", async () => {
  await using edge = await openEdge();
  for (const id of ["task_none", "%20", "a%00b", "x".repeat(300), "%E0%A4%A"]) {
    const response = await edge.call("GET", `/v1/tasks/${id}`);
    assertEquals([id, (await problemOf(response)).status], [id, 404]);
  }
});

Deno.test("GET /v1/tasks/{id} waits no longer than it is told", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["hang"]);
  const task = await edge.json("GET", `/v1/tasks/${id}?waitMs=20`);
  assertEquals(task.status, "active");
});

Deno.test("POST …/cancel ends a task and says what it was told", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["hang"]);
  await edge.reached(id, "running.working");
  const path = `/v1/tasks/${id}/cancel`;
  const cancelled = await edge.json("POST", path, { body: { reason: "not now" } });
  assertEquals(cancelled.state, "cancelled");
  assertEquals(cancelled.error, { code: "cancelled", message: "not now" });

  const again = await edge.call("POST", path);
  const problem = await problemOf(again);
  assertEquals([problem.status, problem.state, problem.accepts], [409, "cancelled", []]);
});

Deno.test("POST …/pause and …/resume stop and go on", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["hang"]);
  await edge.reached(id, "running.working");
  assertEquals((await edge.json("POST", `/v1/tasks/${id}/pause`)).state, "running.paused");
  const refused = await problemOf(await edge.call("POST", `/v1/tasks/${id}/pause`));
  assertEquals([refused.status, refused.state], [409, "running.paused"]);
  assertEquals((refused.accepts as string[]).includes("task.resume"), true);
  await edge.json("POST", `/v1/tasks/${id}/resume`);
  await edge.reached(id, "running.working");
});

Deno.test("POST …/input reaches the command", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["cat"], { interactive: true });
  await edge.reached(id, "running.working");
  await edge.json("POST", `/v1/tasks/${id}/input`, { body: { data: "to be" } });
  await edge.json("POST", `/v1/tasks/${id}/input`, { body: { eof: true } });
  const { output } = await edge.reached(id, "succeeded");
  assertEquals((output as { result: { output: string } }).result.output, "to be");
  const faulty = await edge.call("POST", `/v1/tasks/${id}/input`, { body: {} });
  assertEquals((await problemOf(faulty)).status, 422);
});

Deno.test("POST …/retry makes a new task of one that has ended", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["fail", "x"], { title: "Try", labels: { a: "b" } });
  await edge.reached(id, "failed");
  const response = await edge.call("POST", `/v1/tasks/${id}/retry`);
  const made = await response.json();
  assertEquals([response.status, made.retryOf, made.title], [201, id, "Try"]);
  await edge.reached(made.id, "failed");
  assertEquals(edge.executor.runs.map(({ command }) => command), [["fail", "x"], ["fail", "x"]]);
  assertEquals((await edge.json("GET", `/v1/tasks/${id}`)).state, "failed");
});

Deno.test("If-Match refuses a revision that is not in force", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["hang"]);
  const { revision } = await edge.reached(id, "running.working");
  const cancel = (etag: string) =>
    edge.call("POST", `/v1/tasks/${id}/cancel`, { headers: { "if-match": etag } });
  const stale = await problemOf(await cancel(`"${revision - 1}"`));
  assertEquals([stale.status, stale.revision], [412, revision]);
  assertEquals((await problemOf(await cancel("x"))).status, 400);
  assertEquals((await cancel(`"${revision}"`)).status, 200);
});

Deno.test("POST /v1/tasks/bulk acts on those named, each with its outcome", async () => {
  await using edge = await openEdge();
  const one = await edge.task(["hang"]);
  const two = await edge.task(["say"]);
  await edge.reached(one, "running.working");
  await edge.reached(two, "succeeded");
  const body = { ids: [one, two, "task_none"], action: "cancel" };
  const rehearsal = await edge.json("POST", "/v1/tasks/bulk", { body: { ...body, dryRun: true } });
  const accepted = (answer: Record<string, unknown>) =>
    (answer.items as { accepted: boolean }[]).map((item) => item.accepted);
  assertEquals(accepted(rehearsal), [true, false, false]);
  assertEquals((await edge.json("GET", `/v1/tasks/${one}`)).state, "running.working");

  const done = await edge.json("POST", "/v1/tasks/bulk", { body });
  const items = done.items as { id: string; problem?: { status: number } }[];
  assertEquals(accepted(done), [true, false, false]);
  assertEquals(items.map(({ problem }) => problem?.status), [undefined, 409, 404]);
});

Deno.test("POST /v1/tasks/bulk acts on those found", async () => {
  await using edge = await openEdge();
  await edge.system.setPool("system", 0);
  const mine = [await edge.task(["say"], { labels: { a: "1" } })];
  mine.push(await edge.task(["say"], { labels: { a: "1" } }));
  const other = await edge.task(["say"]);
  const body = { filter: { label: ["a=1"] }, action: "cancel" };
  const { items, more } = await edge.json("POST", "/v1/tasks/bulk", { body });
  assertEquals((items as { id: string }[]).map(({ id }) => id).sort(), mine.sort());
  assertEquals(more, false);
  assertEquals((await edge.json("GET", `/v1/tasks/${other}`)).state, "queued");
});

Deno.test("POST /v1/tasks/bulk retries once for a key", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["fail"]);
  await edge.reached(id, "failed");
  const request = {
    body: { ids: [id], action: "retry" },
    headers: { "idempotency-key": "again" },
  };
  const first = await edge.json("POST", "/v1/tasks/bulk", request);
  assertEquals(await edge.json("POST", "/v1/tasks/bulk", request), first);
  assertEquals((await edge.system.list("task")).items.length, 2);
});

Deno.test("POST /v1/tasks/bulk retries once when it is cut off before its answer is kept", async () => {
  await using edge = await openEdge();
  const id = await edge.task(["fail"]);
  await edge.reached(id, "failed");
  const request = {
    body: { ids: [id], action: "retry" },
    headers: { "idempotency-key": "again" },
  };
  const restore = failing(edge.system, "keepAnswer", new DrainingError("cut off"));
  assertEquals((await edge.call("POST", "/v1/tasks/bulk", request)).status, 503);
  restore();
  const { items } = await edge.json("POST", "/v1/tasks/bulk", request);
  assertEquals((items as { accepted: boolean }[]).map(({ accepted }) => accepted), [true]);
  assertEquals((await edge.system.list("task")).items.length, 2);
});

Deno.test("POST /v1/tasks/bulk wants either ids or a filter", async () => {
  await using edge = await openEdge();
  for (const body of [{ action: "cancel" }, { action: "cancel", ids: ["a"], filter: {} }]) {
    const response = await edge.call("POST", "/v1/tasks/bulk", { body });
    assertEquals((await problemOf(response)).status, 422);
  }
});

Deno.test("an answer that is kept holds no secret", async () => {
  const redact = createRedactor({ values: ["hunter2"] });
  await using edge = await openEdge({ redact });
  const request = {
    body: { command: ["say"], title: "with hunter2" },
    headers: { "idempotency-key": "k" },
  };
  const first = await edge.json("POST", "/v1/tasks", { ...request, status: 201 });
  const again = await edge.json("POST", "/v1/tasks", { ...request, status: 201 });
  assertEquals([first.title, again.title], ["with [redacted]", "with [redacted]"]);
});
