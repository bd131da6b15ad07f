/**
 * `/v1/vms/{id}/files`, `…/changes` and `…/diff`: the files in the repository of a VM, and what
 * git says of them. They go in and out as they are: nothing is redacted in a file, since whoever
 * reads one may mean to write it back.
 */
import { z } from "@hono/zod-openapi";
import {
  MAX_FILE_CURSOR_CHARS,
  MAX_FILE_PAGE,
  MAX_PATH_BYTES,
  MAX_READ_BYTES,
  MAX_WRITE_BYTES,
} from "../actors/adapters/vm/files_limits.ts";
import type { VmAccess } from "../actors/vm_access.ts";
import { type FileEntry, filesOf, type VmFiles } from "../actors/vm_files.ts";
import { answer } from "./answer.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { ProblemError } from "./errors.ts";
import { iso } from "./lib/times.ts";
import { defined, pageOf } from "./paging.ts";
import { Time } from "./render.ts";
import { vmAddressOf } from "./vm_address.ts";
import { type VmParams, vmParams } from "./vm_view.ts";
import { whileWanted } from "./waiting.ts";

const BYTES = "application/octet-stream";
const PATCH = "text/x-diff";

/** What the work in a VM may be refused with. */
const REFUSALS = [403, 404, 409, 429, 502, 504];

const Path = z.string().max(MAX_PATH_BYTES).openapi({
  description: "Relative to the repository; no `..`, and no link that leads out of it",
  example: "src/main.ts",
});

const anyPath = Path.default("").openapi({ description: "By default the repository itself" });
const offset = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const EntrySchema = z.strictObject({
  name: z.string(),
  type: z.enum(["file", "directory", "link", "other"]),
  sizeBytes: z.int(),
  mode: z.string().openapi({ description: "Permission bits, octal", example: "0644" }),
  modifiedAt: Time,
}).openapi("VmFile");

const ChangesSchema = z.strictObject({
  branch: z.string().nullable().openapi({ description: "Null where none is checked out" }),
  head: z.string().nullable().openapi({ description: "The commit; null before the first" }),
  items: z.array(z.strictObject({
    path: z.string(),
    status: z.enum([
      "added",
      "modified",
      "deleted",
      "renamed",
      "copied",
      "unmerged",
      "untracked",
    ]),
    from: z.string().nullable().openapi({ description: "Its name before" }),
    staged: z.boolean(),
    additions: z.int().nullable().openapi({ description: "Lines; null where not counted" }),
    deletions: z.int().nullable(),
  })),
  truncated: z.boolean(),
}).openapi("VmChanges");

const DiffSchema = z.strictObject({
  diff: z.string().openapi({ description: "Bytes that are no UTF-8 are U+FFFD" }),
  truncated: z.boolean(),
}).openapi("VmDiff");

const ListQuery = z.strictObject({
  path: anyPath,
  cursor: z.string().max(MAX_FILE_CURSOR_CHARS).optional()
    .openapi({ description: "The `nextCursor` of the page before, with the same path" }),
  limit: z.coerce.number().int().min(1).max(MAX_FILE_PAGE).default(MAX_FILE_PAGE),
});
const ReadQuery = z.strictObject({
  path: Path,
  offset: offset.default(0).openapi({ description: "Bytes to leave out at the beginning" }),
  limit: z.coerce.number().int().min(0).max(MAX_READ_BYTES).default(MAX_READ_BYTES)
    .openapi({ description: "Bytes" }),
});
const WriteQuery = z.strictObject({ path: Path });
const DiffQuery = z.strictObject({ path: anyPath });

export function mountVmFiles(api: Api, vms: VmAccess): void {
  mountList(api, vms);
  mountRead(api, vms);
  mountWrite(api, vms);
  mountChanges(api, vms);
  mountDiff(api, vms);
}

function mountList(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/files",
    tag: "VMs",
    summary: "List a directory in it; wakes it",
    description: "Names that begin with a dot come last.",
    params: vmParams,
    query: ListQuery,
    answers: { 200: { description: "A page of files", schema: pageOf(EntrySchema) } },
    refusals: REFUSALS,
  }, (call) =>
    inFiles({ api, vms, call }, async (files) => {
      const { path, limit, cursor } = call.query;
      const { entries, nextCursor } = await files.list(path, defined({ limit, cursor }));
      return answer({ items: entries.map(showEntry), nextCursor });
    }));
}

function mountRead(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/files/content",
    tag: "VMs",
    summary: "Read a file in it; wakes it",
    description: "206 and `Content-Range` where it is not the whole file: one call reads " +
      `${MAX_READ_BYTES} bytes at most.`,
    params: vmParams,
    query: ReadQuery,
    answers: {
      200: { description: "All of it", schema: z.string(), media: [BYTES] },
      206: { description: "A part of it", schema: z.string(), media: [BYTES] },
    },
    refusals: REFUSALS,
  }, (call) =>
    inFiles({ api, vms, call }, async (files) => {
      const { path, ...range } = call.query;
      const { data, offset, sizeBytes, modifiedAt, version } = await files.read(path, range);
      const isWhole = data.length === sizeBytes && offset === 0;
      const part = data.length === 0 ? "*" : `${offset}-${offset + data.length - 1}`;
      return new Response(new Uint8Array(data), {
        status: isWhole ? 200 : 206,
        headers: {
          "content-type": BYTES,
          "content-length": String(data.length),
          "content-disposition": dispositionOf(path),
          "last-modified": new Date(modifiedAt).toUTCString(),
          etag: weakTag(version),
          ...isWhole ? {} : { "content-range": `bytes ${part}/${sizeBytes}` },
        },
      });
    }));
}

function mountWrite(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "put",
    path: "/v1/vms/{id}/files/content",
    tag: "VMs",
    summary: "Write a file in it, whole or not at all; wakes it",
    description: `At most ${MAX_WRITE_BYTES} bytes. Directories on the way are made, a link at ` +
      "its name is replaced, and its permissions stay. With `If-None-Match: *` what exists is " +
      "refused with 409.",
    params: vmParams,
    query: WriteQuery,
    body: z.string().openapi({ format: "binary" }),
    rawBody: [BYTES],
    streamedBody: true,
    answers: {
      201: { description: "Made", schema: EntrySchema },
      204: { description: "Replaced" },
    },
    refusals: [...REFUSALS, 413],
  }, (call) =>
    inFiles({ api, vms, call }, async (files) => {
      const { c, query: { path } } = call;
      const mode = createOnly(c.req.header("if-none-match")) ? "create" : "replace";
      const content = c.req.raw.body ?? new Uint8Array();
      const { created, ...figures } = await files.write(path, content, { mode });
      const headers = { etag: weakTag(figures.version) };
      if (!created) return answer(null, { status: 204, headers });
      const name = path.slice(path.lastIndexOf("/") + 1);
      return answer(showEntry({ name, ...figures }), { status: 201, headers });
    }));
}

function mountChanges(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/changes",
    tag: "VMs",
    summary: "List what differs from the last commit in its repository; wakes it",
    params: vmParams,
    answers: { 200: { description: "Changed files", schema: ChangesSchema } },
    refusals: REFUSALS,
  }, (call) =>
    inFiles({ api, vms, call }, async (files) => {
      const { branch, head, changes, truncated } = await files.changes();
      return answer({ branch, head, items: changes, truncated });
    }));
}

function mountDiff(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "get",
    path: "/v1/vms/{id}/diff",
    tag: "VMs",
    summary: "Show how files differ from the last commit, untracked ones too; wakes it",
    description: `As bytes on \`Accept: ${PATCH}\`; where that is cut, it says so in ` +
      "`X-Truncated: true`.",
    params: vmParams,
    query: DiffQuery,
    answers: {
      200: { description: "A patch", schema: DiffSchema, media: ["application/json", PATCH] },
    },
    refusals: REFUSALS,
  }, (call) =>
    inFiles({ api, vms, call }, async (files) => {
      const { patch, truncated } = await files.diff(call.query.path);
      if (!(call.c.req.header("accept") ?? "").includes(PATCH)) {
        return answer({ diff: new TextDecoder().decode(patch), truncated });
      }
      return new Response(new Uint8Array(patch), {
        headers: { "content-type": PATCH, "x-truncated": String(truncated) },
      });
    }));
}

/** Works with the files of the VM that a call is about, for as long as its caller waits. */
function inFiles<T, Q>(
  { api, vms, call }: { api: Api; vms: VmAccess; call: Call<VmParams, Q, unknown> },
  work: (files: VmFiles) => Promise<T>,
): Promise<T> {
  const { c, params } = call;
  vmAddressOf(params.id);
  const key = c.get("requestId");
  return whileWanted(
    api,
    c,
    (signal) => vms.use(params.id, signal, (vm) => work(filesOf(vm, { key, signal }))),
  );
}

function showEntry({ name, type, sizeBytes, mode, modifiedAt }: FileEntry) {
  const octal = mode.toString(8).padStart(4, "0");
  return { name, type, sizeBytes, mode: octal, modifiedAt: iso(modifiedAt) };
}

/** Weak: times are to the second. */
function weakTag(version: string): string {
  return `W/"${version}"`;
}

function createOnly(ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined || ifNoneMatch.trim() === "*") return ifNoneMatch !== undefined;
  throw new ProblemError("malformed", `Cannot use If-None-Match ${ifNoneMatch}: want *`);
}

/** A browser saves it and never shows it. The name is encoded as RFC 8187 wants it. */
function dispositionOf(path: string): string {
  const name = encodeURIComponent(path.slice(path.lastIndexOf("/") + 1))
    .replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename*=UTF-8''${name}`;
}
