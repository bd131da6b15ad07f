/** From a goal's id, as callers write it, to its address. */
import { GOAL_KIND } from "../actors/goal.ts";
import { type Address, addressOf, isAddress } from "../actors/runtime/address.ts";
import { NotFoundError } from "../actors/runtime/errors.ts";

/** Throws `NotFoundError` where nothing can have that id. */
export function goalAddressOf(id: string): Address {
  if (isAddress(`${GOAL_KIND}:${id}`)) return addressOf(GOAL_KIND, id);
  throw new NotFoundError(`Cannot find goal "${id}": no goal can have that id`);
}
