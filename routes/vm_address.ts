/** From a VM's id, as callers write it, to its address. */
import { type Address, addressOf, isAddress } from "../actors/runtime/address.ts";
import { NotFoundError } from "../actors/runtime/errors.ts";

export const VM_KIND = "vm";

/** Throws `NotFoundError` where nothing can have that id. */
export function vmAddressOf(id: string): Address {
  if (isAddress(`${VM_KIND}:${id}`)) return addressOf(VM_KIND, id);
  throw new NotFoundError(`Cannot find vm "${id}": no vm can have that id`);
}
