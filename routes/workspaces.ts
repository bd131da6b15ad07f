/** `/v1/workspaces`: what the VMs of a workspace have in common, by the workspace's name. */
import { z } from "@hono/zod-openapi";
import type { Address } from "../actors/runtime/address.ts";
import {
  AlreadyExistsError,
  NotFoundError,
  RevisionConflictError,
} from "../actors/runtime/errors.ts";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { ListQuery, System } from "../actors/runtime/api.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import { workspaceView, workspaceVm } from "../actors/workspace.ts";
import type { VmDefaults } from "../machines/workspace.ts";
import { type Answer, answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { defined, pageAnswer, pageFields, pageOf, sortField } from "./paging.ts";
import { etagOf, Time } from "./render.ts";
import { iso } from "./lib/times.ts";
import { VmDefaultsBody, VmDefaultsPatch, WorkspaceName } from "./vm_body.ts";
import { asDefaults, checkDefaults } from "./vm_spec.ts";
import { WORKSPACE_KIND, workspaceAddress } from "./workspace_address.ts";

const WorkspaceSchema = z.strictObject({
  name: WorkspaceName,
  revision: z.int(),
  vm: z.looseObject({ envNames: z.array(z.string()) })
    .openapi({ description: "As it was given; values of the environment are not shown" }),
  createdAt: Time,
  updatedAt: Time,
}).openapi("Workspace");

const params = z.strictObject({ name: WorkspaceName });

export function mountWorkspaces(api: Api): void {
  mountList(api);
  mountGet(api);
  mountPut(api);
  mountPatch(api);
}

function mountList(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/workspaces",
    tag: "Workspaces",
    summary: "List workspaces",
    query: z.strictObject({ sort: sortField, ...pageFields }),
    answers: { 200: { description: "A page of workspaces", schema: pageOf(WorkspaceSchema) } },
  }, async ({ query }) => {
    const list = defined(query) as ListQuery;
    return pageAnswer(await api.system.list(WORKSPACE_KIND, list), showWorkspace);
  });
}

function mountGet(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/workspaces/{name}",
    tag: "Workspaces",
    summary: "Show a workspace",
    params,
    answers: { 200: { description: "The workspace", schema: WorkspaceSchema } },
    refusals: [404],
  }, async ({ params }) => workspaceAnswer(await api.system.get(workspaceAddress(params.name))));
}

function mountPut(api: Api): void {
  mount(api, {
    method: "put",
    path: "/v1/workspaces/{name}",
    tag: "Workspaces",
    summary: "Make a workspace, or say anew what its VMs are made with",
    description: "VMs that are there keep what they were made with.",
    params,
    body: z.strictObject({ vm: VmDefaultsBody.default({}) }).openapi("WorkspaceBody"),
    answers: {
      200: { description: "The workspace", schema: WorkspaceSchema },
      201: { description: "The new workspace", schema: WorkspaceSchema },
    },
    refusals: [412],
  }, async ({ params: { name }, body, expectRevision }) => {
    const vm = asDefaults(body.vm);
    checkDefaults(api, vm);
    const made = await tryMake(api, { name, vm, expectRevision });
    if (made !== undefined) return workspaceAnswer(made, 201);
    return workspaceAnswer(await configure(api, { name, vm, expectRevision }));
  });
}

function mountPatch(api: Api): void {
  mount(api, {
    method: "patch",
    path: "/v1/workspaces/{name}",
    tag: "Workspaces",
    summary: "Change some of what a workspace's VMs are made with",
    description: "A field that is given takes the place of the one there; null takes it away.",
    params,
    body: z.strictObject({ vm: VmDefaultsPatch }).openapi("WorkspacePatch"),
    answers: { 200: { description: "The workspace", schema: WorkspaceSchema } },
    refusals: [404, 412],
  }, async ({ params: { name }, body, expectRevision }) => {
    // Values that are hidden from people stay as they are.
    const record = await api.system.get(workspaceAddress(name), { unredacted: true });
    const changed = Object.entries({ ...workspaceVm(record), ...defined(body.vm) })
      .filter(([, value]) => value !== null);
    const vm = asDefaults(Object.fromEntries(changed));
    checkDefaults(api, vm);
    // What was read is what is changed.
    const revision = expectRevision ?? record.revision;
    return workspaceAnswer(await configure(api, { name, vm, expectRevision: revision }));
  });
}

type Change = { name: string; vm: VmDefaults; expectRevision: number | undefined };

/** The new workspace; undefined where there is one of that name. */
async function tryMake(
  { system }: Api,
  { name, vm, expectRevision }: Change,
): Promise<ActorRecord | undefined> {
  const address = workspaceAddress(name);
  if (await exists(system, address)) return undefined;
  if (expectRevision !== undefined) throw new RevisionConflictError(address, expectRevision, 0);
  try {
    await system.spawn(WORKSPACE_KIND, name, { name, vm });
    return await system.get(address);
  } catch (error) {
    // Another caller was faster.
    if (error instanceof AlreadyExistsError) return undefined;
    throw error;
  }
}

async function configure(
  { system }: Api,
  { name, vm, expectRevision }: Change,
): Promise<ActorRecord> {
  const address = workspaceAddress(name);
  await system.send(address, { type: "workspace.configure", vm }, defined({ expectRevision }));
  return await system.get(address);
}

async function exists(system: System, address: Address): Promise<boolean> {
  try {
    await system.get(address);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

function workspaceAnswer(record: ActorRecord, status = 200): Answer {
  const etag = { etag: etagOf(record.revision) };
  const location = { location: `/v1/workspaces/${record.id}` };
  const headers = status === 201 ? { ...etag, ...location } : etag;
  return answer(showWorkspace(record), { status, headers });
}

function showWorkspace(record: ActorRecord): JsonObject {
  const { id, revision, createdAt, updatedAt } = record;
  return {
    name: id,
    revision,
    ...workspaceView(record),
    createdAt: iso(createdAt),
    updatedAt: iso(updatedAt),
  };
}
