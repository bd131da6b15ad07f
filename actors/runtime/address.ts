/**
 * Addresses: `kind:id`. The kind is everything before the first colon; the id may hold any
 * printable character but white space, so that ids of other systems can be used as they are.
 */
import { MAX_ADDRESS_CHARS } from "./limits.ts";

/** `kind:id`, for example `task:task_V1StGXR8`. */
export type Address = string;

const PATTERN = /^[a-z][A-Za-z0-9_.-]*:[!-~]+$/;

/** Joins a kind and an id. Throws `TypeError` where the result would be no address. */
export function addressOf(kind: string, id: string): Address {
  const address = `${kind}:${id}`;
  if (!isAddress(address)) throw new TypeError(`Cannot address "${address}": want "kind:id"`);
  return address;
}

/** The kind in an address. */
export function kindOf(address: Address): string {
  return address.slice(0, address.indexOf(":"));
}

/** The id in an address. */
export function idOf(address: Address): string {
  return address.slice(address.indexOf(":") + 1);
}

/** Whether a text has the form of an address. */
export function isAddress(text: string): boolean {
  return text.length <= MAX_ADDRESS_CHARS && PATTERN.test(text);
}
