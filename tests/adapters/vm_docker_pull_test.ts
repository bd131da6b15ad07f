/** Pulling images: names, progress, and what a refusal means. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../actors/runtime/clock.ts";
import { createDockerApi } from "../../actors/adapters/vm/docker_api.ts";
import {
  createProgress,
  ensureImage,
  fullName,
  pullError,
} from "../../actors/adapters/vm/docker_pull.ts";
import { ProviderError, type VmConditionReport } from "../../actors/adapters/vm/provider.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { type FakeRequest, hang, startFakeDocker, write } from "../testing/fake_docker.ts";

Deno.test("fullName() names one image, never all tags of it", () => {
  const table = {
    "alpine": "alpine:latest",
    "alpine:3": "alpine:3",
    "localhost:5000/a/b": "localhost:5000/a/b:latest",
    "localhost:5000/a/b:1": "localhost:5000/a/b:1",
    "a/b@sha256:00": "a/b@sha256:00",
  };
  for (const [image, name] of Object.entries(table)) assertEquals(fullName(image), name);
});

Deno.test("pullError() tells what can never be pulled from what may come later", () => {
  const table = {
    "manifest for alpine:nope not found: manifest unknown: manifest unknown": "invalid",
    "pull access denied for nope, repository does not exist or may require 'docker login'":
      "invalid",
    "normalizing name: invalid reference format: repository name must be lowercase": "invalid",
    "reading manifest 9 in docker.io/library/alpine: manifest unknown": "invalid",
    "unauthorized: authentication required": "invalid",
    "dial tcp: lookup example.org: no such host": "unreachable",
    "dial tcp 127.0.0.1:443: connect: connection refused": "unreachable",
    "net/http: TLS handshake timeout": "unreachable",
    "toomanyrequests: You have reached your pull rate limit": "unreachable",
    "received unexpected HTTP status: 503 Service Unavailable": "unreachable",
    "write /var/lib: no space left on device": "failed",
  };
  for (const [reason, code] of Object.entries(table)) {
    const error = pullError(reason, { name: "a/b:1", action: "make it" });
    assertEquals(error.code, code, reason);
    assertEquals(error.message, `Cannot make it: image "a/b:1" could not be pulled: ${reason}`);
  }
});

Deno.test("pullError() takes an image of this machine that is not here for one that never will be", () => {
  const refused = "dial tcp 127.0.0.1:443: connect: connection refused";
  assertEquals(pullError(refused, { name: "localhost/a:1", action: "x" }).code, "invalid");
});

Deno.test("createProgress() adds up the layers, in steps, and never goes back", () => {
  const told: number[] = [];
  const progress = createProgress((percent) => told.push(percent));
  const layer = (id: string, current: number, total: number, status = "Downloading") =>
    progress.take({ id, status, progressDetail: { current, total } });
  layer("a", 0, 100);
  layer("a", 4, 100);
  layer("a", 50, 100);
  layer("b", 0, 100);
  layer("a", 1, 40, "Verifying");
  layer("b", 60, 100);
  progress.take({ id: "a", status: "Pull complete", progressDetail: {} });
  progress.take({ id: "b", status: "Pull complete" });
  progress.take({ status: "Digest: sha256:00" });
  assertEquals(told, [50, 55, 80, 99]);
});

Deno.test("ensureImage() tells of a pull from its beginning to its end", async () => {
  let pulled = false;
  await using docker = await startFakeDocker(({ path }) => {
    if (path === "/images/a/b:1/json" && !pulled) return { status: 404, body: {} };
    if (path !== "/images/create") return undefined;
    pulled = true;
    const half = { id: "x", status: "Downloading", progressDetail: { current: 1, total: 2 } };
    return { status: 200, text: `${JSON.stringify(half)}\n{"status":"Done"}` };
  });
  const reports = await pull(docker.socket);
  assertEquals(
    reports.map(({ type, status, progress }) => [type, status, progress]),
    [
      ["imagePulled", "inProgress", 0],
      ["imagePulled", "inProgress", 50],
      ["imagePulled", "true", 100],
    ],
  );
  const create = docker.requests.find(({ path }) => path === "/images/create");
  assertEquals(create?.query.get("fromImage"), "a/b:1");
});

const notHere = ({ path }: FakeRequest) =>
  path.endsWith("/json") ? { status: 404, body: { message: "no such image" } } : undefined;

Deno.test("ensureImage() throws what a pull says, wherever it says it", async () => {
  const table: [answer: { status: number; body?: unknown; text?: string }, code: string][] = [
    [{ status: 404, body: { message: "pull access denied for a/b" } }, "invalid"],
    [{ status: 500, body: { message: "Get x: dial tcp: i/o timeout" } }, "unreachable"],
    [{ status: 200, body: { errorDetail: { message: "manifest unknown" } } }, "invalid"],
    [{ status: 200, text: '{"status":"Pulling"}\n{"error":"no space left"}\n' }, "failed"],
    [{ status: 200, text: "<html>" }, "failed"],
    [{ status: 200, text: '{"status":"Pulling"}\n' }, "failed"],
  ];
  for (const [answer, code] of table) {
    await using docker = await startFakeDocker((request) =>
      request.path === "/images/create" ? answer : notHere(request)
    );
    const error = await assertRejects(() => pull(docker.socket), ProviderError);
    assertEquals(error.code, code, JSON.stringify(answer));
  }
});

Deno.test("ensureImage() gives up a pull that shows no sign of life any more", async () => {
  const clock = new ManualClock();
  const half = Promise.withResolvers<void>();
  await using docker = await startFakeDocker((request) => {
    if (request.path !== "/images/create") return notHere(request);
    return async (connection) => {
      await write(connection, 'HTTP/1.1 200 OK\r\n\r\n{"id":"x","status":"Waiting"}\n');
      half.resolve();
      await hang(connection);
    };
  });
  const pulling = assertRejects(() => pull(docker.socket, clock), ProviderError);
  await half.promise;
  await clock.advance(10 * 60_000);
  const error = await pulling;
  assertEquals(error.code, "unreachable");
  assertStringIncludes(error.message, "did not answer within");
});

async function pull(
  socket: string,
  clock: ManualClock | typeof systemClock = systemClock,
): Promise<VmConditionReport[]> {
  const reports: VmConditionReport[] = [];
  await ensureImage(createDockerApi({ socket, clock }), "a/b:1", {
    action: "make it",
    signal: new AbortController().signal,
    report: (condition) => reports.push(condition),
  });
  return reports;
}
