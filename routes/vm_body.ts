/**
 * A new VM as callers ask for it, and what the VMs of a workspace have in common: every field, its
 * form and its bound. How they come together is in `vm_spec.ts`.
 */
import { z } from "@hono/zod-openapi";
import { boundedRecord, Instant, Labels, Name, Text, VariableName } from "./fields.ts";
import {
  MAX_ENV_NAMES,
  MAX_IMAGE_CHARS,
  MAX_LIMIT_MS,
  MAX_NAME_CHARS,
  MAX_VM_CPUS,
  MAX_VM_MIB,
  MAX_WORKSPACE_CHARS,
  MIN_IDLE_MS,
  MIN_VM_CPUS,
  MIN_VM_MEMORY_MIB,
} from "./limits.ts";

export const VmId = z.string().regex(/^vm_[A-Za-z0-9_-]{1,64}$/, 'want "vm_" and an id')
  .openapi({ example: "vm_V1StGXR8" });

export const WorkspaceName = z.string()
  .regex(/^[A-Za-z0-9][\w.-]{0,62}$/, "want up to 63 letters, digits, _ . -")
  .openapi({ example: "website" });

const Mebibytes = z.int().max(MAX_VM_MIB);

const Resources = z.strictObject({
  cpus: z.number().min(MIN_VM_CPUS).max(MAX_VM_CPUS).nullable().optional(),
  memoryMiB: Mebibytes.min(MIN_VM_MEMORY_MIB).nullable().optional(),
  diskMiB: Mebibytes.min(1).nullable().optional(),
}).openapi({ description: "Null is no limit" });

const IdleTime = z.union([
  z.literal(0),
  z.int().min(MIN_IDLE_MS).max(MAX_LIMIT_MS),
  z.null(),
]);

const Idle = z.strictObject({
  sleepMs: IdleTime.optional().openapi({ description: "Without use for so long it is suspended" }),
  recycleMs: IdleTime.optional()
    .openapi({ description: "Without activity for so long it is deleted" }),
  notifyBeforeMs: IdleTime.optional()
    .openapi({ description: "So long before that its users are told" }),
}).openapi("VmIdle", { description: "0 takes the default, null turns the timer off" });

/** What a VM and a workspace may both say. */
const common = {
  provider: Name.optional().openapi({ description: "One of `GET /v1/vm-providers`" }),
  image: Text.min(1).max(MAX_IMAGE_CHARS)
    .regex(/^[^\s-]\S*$/, "want the name of an image").optional()
    .openapi({ example: "docker.io/library/debian:12" }),
  repo: Text.min(1).max(MAX_WORKSPACE_CHARS).optional()
    .openapi({ description: "A git repository; it is cloned into the VM's work directory" }),
  ref: Text.min(1).max(MAX_NAME_CHARS).optional()
    .openapi({ description: "A branch, tag or commit of `repo`" }),
  resources: Resources.optional(),
  network: z.enum(["none", "full"]).optional(),
  idle: Idle.optional(),
  env: boundedRecord(VariableName, Text, MAX_ENV_NAMES).optional(),
};

export const VmDefaultsBody = z.strictObject(common).openapi("VmDefaults", {
  description: "What a VM is made with that says nothing else itself",
});

/** The same to be changed: null takes a default away. */
export const VmDefaultsPatch = z.strictObject({
  provider: common.provider.nullable(),
  image: common.image.nullable(),
  repo: common.repo.nullable(),
  ref: common.ref.nullable(),
  resources: common.resources.nullable(),
  network: common.network.nullable(),
  idle: common.idle.nullable(),
  env: common.env.nullable(),
}).openapi("VmDefaultsPatch");

/** A new VM, wherever it is asked for. */
export const NewVm = z.strictObject({
  ...common,
  id: VmId.optional().openapi({ description: "By default the server makes one" }),
  title: Name.optional(),
  workspace: WorkspaceName.optional().openapi({ description: "Whose defaults it takes" }),
  expireAt: Instant.optional()
    .openapi({ description: "Then it is deleted, whatever happens in it" }),
  labels: Labels.optional(),
}).openapi("NewVm");

export type NewVm = z.infer<typeof NewVm>;
export type VmDefaultsBody = z.infer<typeof VmDefaultsBody>;
