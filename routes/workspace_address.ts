/** From a workspace's name, as callers write it, to its address. */
import { type Address, addressOf, isAddress } from "../actors/runtime/address.ts";
import { NotFoundError } from "../actors/runtime/errors.ts";

export const WORKSPACE_KIND = "workspace";

/** Throws `NotFoundError` where nothing can have that name. */
export function workspaceAddress(name: string): Address {
  if (isAddress(`${WORKSPACE_KIND}:${name}`)) return addressOf(WORKSPACE_KIND, name);
  throw new NotFoundError(`Cannot find workspace "${name}": none can have that name`);
}
