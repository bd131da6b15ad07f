/** The VM of a new task: one that is there, or one to be made with it. */
import { z } from "@hono/zod-openapi";
import { NotAcceptedError, NotFoundError } from "../actors/runtime/errors.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { TaskVm } from "../machines/task_vm.ts";
import type { Api } from "./endpoint.ts";
import { invalidInput } from "./errors.ts";
import { taskAddress } from "./task_address.ts";
import { settingsOf } from "./task_retry.ts";
import { VM_KIND, vmAddressOf } from "./vm_address.ts";
import { NewVm, VmId } from "./vm_body.ts";
import { vmInputOf } from "./vm_spec.ts";

/** States in which a VM takes no more tasks. */
const OVER: readonly string[] = ["failed", "recycling", "recycled"];

export const TaskVmField = z.union([VmId, NewVm]).openapi({
  description: "A VM to work in: the id of one that is there, or a new one that is the task's own",
});

/** What the machine gets. Throws the problem that says what is wrong. */
export async function taskVmOf(
  api: Api,
  vm: z.infer<typeof TaskVmField>,
  { taskId, createdAt, startAt }: {
    taskId: string;
    createdAt: number;
    startAt?: number | undefined;
  },
): Promise<TaskVm> {
  if (typeof vm === "string") {
    await checkTakesTasks(api, vm, "/vm");
    return { id: vm, make: null };
  }
  const id = vm.id ?? api.system.newId(VM_KIND);
  if (vm.id !== undefined && await find(api, id) !== undefined) {
    throw invalidInput([{ pointer: "/vm/id", detail: `there is a VM "${id}" already` }]);
  }
  const owner = taskAddress(taskId);
  const make = await vmInputOf(api, vm, { id, createdAt, owner, within: "/vm" });
  const recycleMs = make.idle?.recycleMs ?? null;
  if (startAt !== undefined && recycleMs !== null && startAt > createdAt + recycleMs) {
    const detail = `is later than its VM would be recycled for idleness, after ${recycleMs} ms`;
    throw invalidInput([{ pointer: "/startAt", detail }], "contradictory");
  }
  return { id, make };
}

/** Throws the problem that says why a VM takes no tasks. `pointer` is where it was named. */
export async function checkTakesTasks(api: Api, id: string, pointer: string): Promise<void> {
  const state = (await find(api, id))?.state;
  if (state !== undefined && !OVER.includes(state)) return;
  const detail = state === undefined
    ? `there is no VM "${id}"`
    : `VM "${id}" takes no task: its state is "${state}"`;
  throw invalidInput([{ pointer, detail }]);
}

/** The VM for another try of a task: the same, or where that is no more, one like it. */
export async function sameVm(api: Api, vm: TaskVm | undefined): Promise<TaskVm | undefined> {
  if (vm === undefined || vm.make === null) return vm;
  const record = await find(api, vm.id);
  if (record !== undefined && !OVER.includes(record.state)) return vm;
  const id = api.system.newId(VM_KIND);
  return { id, make: { ...vm.make, id } };
}

/** The VM of a task that has ended goes with it. One that is over already is left alone. */
export async function recycleOwnVm({ system }: Api, task: ActorRecord): Promise<void> {
  const { vm } = settingsOf(task);
  if (vm === null || vm.make === null) return;
  try {
    await system.send(vmAddressOf(vm.id), { type: "vm.recycle", method: "task_delete" });
  } catch (error) {
    if (!(error instanceof NotAcceptedError || error instanceof NotFoundError)) throw error;
  }
}

async function find({ system }: Api, id: string): Promise<ActorRecord | undefined> {
  try {
    return await system.get(vmAddressOf(id));
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
