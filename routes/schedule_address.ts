/** From a schedule's id, as callers write it, to its address. */
import { type Address, addressOf, isAddress } from "../actors/runtime/address.ts";
import { NotFoundError } from "../actors/runtime/errors.ts";
import { SCHEDULE_KIND } from "../actors/schedule.ts";

/** Throws `NotFoundError` where nothing can have that id. */
export function scheduleAddressOf(id: string): Address {
  if (isAddress(`${SCHEDULE_KIND}:${id}`)) return addressOf(SCHEDULE_KIND, id);
  throw new NotFoundError(`Cannot find schedule "${id}": none can have that id`);
}
