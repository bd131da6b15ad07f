/** The files of a VM over HTTP, from a real client to a real directory. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { MAX_WRITE_BYTES } from "../../actors/adapters/vm/files_limits.ts";
import { problemOf } from "./support.ts";
import { openVmEdge, type VmEdge } from "./vm_edge.ts";

const FILES = "/v1/vms/vm_1/files";
const CONTENT = `${FILES}/content`;

const at = (path: string) => `${CONTENT}?path=${encodeURIComponent(path)}`;

type FilesEdge = VmEdge & {
  repo: string;
  /** The JSON of an answer that must be one. */
  json(path: string): Promise<Record<string, unknown>>;
  put(path: string, body: BodyInit | null, headers?: Record<string, string>): Promise<Response>;
};

async function openFiles(): Promise<FilesEdge> {
  const edge = await openVmEdge();
  const repo = edge.workDir(await edge.vm());
  return {
    ...edge,
    repo,
    json: async (path) => {
      const response = await edge.fetch(path);
      const text = await response.text();
      assertEquals(response.status, 200, text);
      return JSON.parse(text);
    },
    put: (path, body, headers = {}) => edge.fetch(at(path), { method: "PUT", body, headers }),
  };
}

Deno.test("PUT and GET …/files/content take any bytes in and out", async () => {
  await using edge = await openFiles();
  const bytes = new Uint8Array([0, 255, 10, 13, 128]);
  const made = await edge.put("a dir/b\n'é", bytes);
  assertEquals(made.status, 201);
  const { modifiedAt, ...entry } = await made.json();
  assertEquals(entry, { name: "b\n'é", type: "file", sizeBytes: 5, mode: "0644" });
  assertMatch(modifiedAt, /^\d{4}-.*Z$/);
  const replaced = await edge.put("a dir/b\n'é", bytes, { "content-type": "image/png" });
  assertEquals([replaced.status, await replaced.text()], [204, ""]);

  const read = await edge.fetch(at("a dir/b\n'é"));
  assertEquals(new Uint8Array(await read.arrayBuffer()), bytes);
  assertEquals(read.status, 200);
  assertEquals(read.headers.get("content-type"), "application/octet-stream");
  assertEquals(read.headers.get("content-length"), "5");
  assertEquals(read.headers.get("x-content-type-options"), "nosniff");
  assertEquals(
    read.headers.get("content-disposition"),
    "attachment; filename*=UTF-8''b%0A%27%C3%A9",
  );
  assertEquals(read.headers.get("etag"), replaced.headers.get("etag"));
});

Deno.test("GET …/files/content gives parts and says which", async () => {
  await using edge = await openFiles();
  await Deno.writeTextFile(`${edge.repo}/${"file"}`, "0123456789");
  const ranges: [query: string, status: number, text: string, range: string | null][] = [
    ["", 200, "0123456789", null],
    ["&offset=7", 206, "789", "bytes 7-9/10"],
    ["&offset=2&limit=3", 206, "234", "bytes 2-4/10"],
    ["&offset=10", 206, "", "bytes */10"],
    ["&limit=0", 206, "", "bytes */10"],
  ];
  for (const [query, status, text, range] of ranges) {
    const response = await edge.fetch(`${at("file")}${query}`);
    assertEquals([response.status, await response.text()], [status, text]);
    assertEquals(response.headers.get("content-range"), range);
  }
});

Deno.test("PUT …/files/content takes a stream, up to its bound", async () => {
  await using edge = await openFiles();
  const stream = (pieces: number) =>
    ReadableStream.from(Array.from({ length: pieces }, () => new Uint8Array(MAX_WRITE_BYTES / 10)));
  assertEquals(await statusOf(edge.put("large", stream(3))), 201);
  const tooLarge = await edge.put("large", stream(11));
  assertEquals(tooLarge.status, 413);
  assertEquals((await problemOf(tooLarge)).code, "too_large");
  const { size } = await Deno.stat(`${edge.repo}/large`);
  assertEquals(size, 3 * MAX_WRITE_BYTES / 10);
  assertEquals(await statusOf(edge.put("empty", null)), 201);
});

Deno.test("PUT …/files/content with If-None-Match replaces nothing", async () => {
  await using edge = await openFiles();
  const onlyNew = { "if-none-match": "*" };
  assertEquals(await statusOf(edge.put("file", "old", onlyNew)), 201);
  const again = await edge.put("file", "new", onlyNew);
  assertEquals(again.status, 409);
  assertEquals((await problemOf(again)).code, "already_exists");
  assertEquals(await Deno.readTextFile(`${edge.repo}/file`), "old");
  assertEquals(await statusOf(edge.put("file", "new", { "if-none-match": '"x"' })), 400);
});

Deno.test("GET …/files lists page by page", async () => {
  await using edge = await openFiles();
  for (const name of ["a", "b", ".c"]) await Deno.writeTextFile(`${edge.repo}/${name}`, "");
  await Deno.mkdir(`${edge.repo}/d`);
  const first = await edge.json(`${FILES}?limit=3`);
  assertEquals((first.items as { name: string }[]).map(({ name }) => name), ["a", "b", "d"]);
  const next = await edge.json(`${FILES}?limit=3&path=.&cursor=${first.nextCursor}`);
  assertEquals((next.items as { name: string }[]).map(({ name }) => name), [".c"]);
  assertEquals(next.nextCursor, null);
  assertEquals(await edge.json(`${FILES}?path=d`), { items: [], nextCursor: null });
});

Deno.test("what is wrong with a path is told with its status", async () => {
  await using edge = await openFiles();
  const outside = await Deno.makeTempDir();
  await Deno.writeTextFile(`${outside}/secret`, "secret");
  await Deno.symlink(outside, `${edge.repo}/out`);
  await Deno.mkdir(`${edge.repo}/dir`);
  const wrong: [path: string, status: number, code: string][] = [
    [at("../outside/secret"), 422, "invalid_path"],
    [at("/etc/passwd"), 422, "invalid_path"],
    [at("a\0b"), 422, "invalid_path"],
    [at("out/secret"), 403, "outside"],
    [`${FILES}?path=out`, 403, "outside"],
    [at("none"), 404, "not_found"],
    [at("dir"), 422, "is_directory"],
    [`${FILES}?cursor=!`, 422, "invalid_path"],
    ["/v1/vms/vm_1/diff?path=..", 422, "invalid_path"],
    ["/v1/vms/vm_1/changes", 409, "no_repository"],
  ];
  for (const [path, status, code] of wrong) {
    const response = await edge.fetch(path);
    const problem = await problemOf(response);
    assertEquals([response.status, problem.code], [status, code], path);
    assertMatch(String(problem.detail), /^Cannot /);
  }
  for (const path of ["out/secret", "out/new"]) {
    assertEquals(await statusOf(edge.put(path, "x")), 403);
  }
  assertEquals((await Array.fromAsync(Deno.readDir(outside))).map(({ name }) => name), ["secret"]);
  assertEquals(await Deno.readTextFile(`${outside}/secret`), "secret");
  await Deno.remove(outside, { recursive: true });
  for (const path of [CONTENT, `${CONTENT}?path=a&path=b`, `${at("a")}&limit=99999999`]) {
    assertEquals(await statusOf(edge.fetch(path)), 422, path);
  }
  assertEquals(await statusOf(edge.fetch("/v1/vms/vm_2/files")), 404);
  assertEquals(await statusOf(edge.fetch(CONTENT, { method: "POST" })), 405);
});

Deno.test("GET …/changes and …/diff tell what differs", async () => {
  await using edge = await openFiles();
  await new Deno.Command("git", { args: ["init", "-q", "-b", "main", edge.repo] }).output();
  await Deno.writeTextFile(`${edge.repo}/${"new"}`, "caf\xe9\n");
  assertEquals(await edge.json("/v1/vms/vm_1/changes"), {
    branch: "main",
    head: null,
    items: [{
      path: "new",
      status: "untracked",
      from: null,
      staged: false,
      additions: null,
      deletions: null,
    }],
    truncated: false,
  });
  const { diff, truncated } = await edge.json("/v1/vms/vm_1/diff?path=new");
  assertEquals(truncated, false);
  assertStringIncludes(String(diff), "+café\n");
  const patch = await edge.fetch("/v1/vms/vm_1/diff", { headers: { accept: "text/x-diff" } });
  assertEquals(patch.headers.get("content-type"), "text/x-diff");
  assertEquals(patch.headers.get("x-truncated"), "false");
  assertEquals(await patch.text(), diff);
});

Deno.test("a file call wakes a VM that sleeps", async () => {
  await using edge = await openFiles();
  await Deno.writeTextFile(`${edge.repo}/file`, "awake");
  await edge.system.send("vm:vm_1", { type: "vm.sleep" });
  await edge.system.waitFor("vm:vm_1", ({ state }) => state === "sleeping", { timeoutMs: 60_000 });
  assertEquals(await (await edge.fetch(at("file"))).text(), "awake");
  assertEquals((await edge.system.get("vm:vm_1")).state, "running");
});

async function statusOf(answer: Promise<Response>): Promise<number> {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
}
