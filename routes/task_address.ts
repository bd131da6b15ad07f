/** From a task's id, as callers write it, to its address. */
import { type Address, addressOf, isAddress } from "../actors/runtime/address.ts";
import { NotFoundError } from "../actors/runtime/errors.ts";

export const TASK_KIND = "task";

/** Throws `NotFoundError` where nothing can have that id. */
export function taskAddress(id: string): Address {
  if (isAddress(`${TASK_KIND}:${id}`)) return addressOf(TASK_KIND, id);
  throw new NotFoundError(`Cannot find task "${id}": no task can have that id`);
}
