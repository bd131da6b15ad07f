import { assertEquals } from "@std/assert";
import {
  AlreadyExistsError,
  BlockedError,
  DrainingError,
  EventFailedError,
  KeyReusedError,
  NotAcceptedError,
  NotFoundError,
  OverloadedError,
  RevisionConflictError,
  StoreError,
  TooLargeError,
} from "../../actors/runtime/errors.ts";
import { invalidInput, isFailure, refusalOf } from "../../routes/errors.ts";

const asIs = (text: string) => text;

Deno.test("refusalOf() gives every error of the runtime its status", () => {
  const cases: [Error, number][] = [
    [new NotFoundError("no"), 404],
    [new NotAcceptedError("task:a", "task.pause", "succeeded", []), 409],
    [new AlreadyExistsError("there"), 409],
    [new BlockedError("blocked"), 409],
    [new RevisionConflictError("task:a", 3, 4), 412],
    [new TooLargeError("large"), 413],
    [new KeyReusedError("reused"), 422],
    [new EventFailedError("threw"), 422],
    [new OverloadedError("busy", 1500), 503],
    [new DrainingError("stopping"), 503],
    [new StoreError("full", "disk"), 503],
    [new StoreError("fenced", "another"), 503],
    [new TypeError("a defect"), 500],
  ];
  for (const [error, status] of cases) {
    const { problem } = refusalOf(error, asIs);
    assertEquals([error.name, problem.status], [error.name, status]);
  }
});

Deno.test("refusalOf() names the state and what it accepts", () => {
  const error = new NotAcceptedError("task:a", "task.pause", "queued", ["task.cancel"]);
  const { problem } = refusalOf(error, asIs);
  assertEquals(problem.state, "queued");
  assertEquals(problem.accepts, ["task.cancel"]);
});

Deno.test("refusalOf() says when to come back", () => {
  assertEquals(refusalOf(new OverloadedError("busy", 1500), asIs).headers["retry-after"], "2");
  assertEquals(refusalOf(new DrainingError("stopping"), asIs).headers["retry-after"], "5");
});

Deno.test("refusalOf() tells nothing of an unknown error", () => {
  const { problem } = refusalOf(new Error("password hunter2 in /home/x"), asIs);
  assertEquals(JSON.stringify(problem).includes("hunter2"), false);
  assertEquals(isFailure(new Error("x")), true);
  assertEquals(isFailure(new NotFoundError("x")), false);
});

Deno.test("refusalOf() takes secrets out of what it quotes", () => {
  const redact = (text: string) => text.replaceAll("hunter2", "[redacted]");
  const fault = { detail: 'got "hunter2"', pointer: "/env/A" };
  const { problem } = refusalOf(invalidInput([fault]), redact);
  assertEquals(JSON.stringify(problem).includes("hunter2"), false);
  assertEquals(problem.errors?.[0]?.detail, 'got "[redacted]"');
});
