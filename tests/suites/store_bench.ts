/** What the cases of the store's suite are given and built from. */
import { assertEquals, assertRejects } from "@std/assert";
import { StoreError, type StoreFailure } from "../../actors/runtime/errors.ts";
import type { Store } from "../../actors/store/store.ts";
import { NOW } from "../store/commits.ts";

/** A new, empty store. */
export type Bench = {
  store: Store;
  /** Opens the same content once more, as another process would; none where there is no way. */
  another?: () => Promise<Store>;
  /** Whether a lease that is not renewed runs out; a lock on a file does not. */
  leaseRunsOut: boolean;
  /** Takes everything away. */
  dispose(): Promise<void>;
};

/** Cases by name: `subject() behaviour`. */
export type Cases = { readonly [name: string]: (bench: Bench) => Promise<void> };

/** The error of a call that must fail, and fail so. */
export async function rejectsWith(
  failure: StoreFailure,
  call: () => Promise<unknown>,
): Promise<StoreError> {
  const error = await assertRejects(call, StoreError);
  assertEquals(error.failure, failure, error.message);
  return error;
}

/** Takes the lease, for cases that are about something else. */
export async function lead(store: Store): Promise<void> {
  await store.acquireLease("boot_1", NOW, 60_000);
}
