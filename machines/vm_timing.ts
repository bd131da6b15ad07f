/**
 * When an idle VM is due to sleep and to be recycled. Pure.
 *
 * A use puts a timer off, and a busy VM is used many times a second, so uses are debounced: after
 * one that was noted, others are not for `debounceMs`. So that nothing is forgotten, not even by a
 * crash, a noted use stands for the whole of that time: what it puts off is counted from the end
 * of it. A timer is therefore never early, and late by `debounceMs` at most.
 */
import {
  MAX_DEBOUNCE_MS,
  MIN_DEBOUNCE_MS,
  OWED_RETRY_MAX_MS,
  RETRY_BASE_MS,
  RETRY_MAX_MS,
} from "./vm_defaults.ts";
import { backoffMs } from "./lib/backoff.ts";
import { jitter } from "./lib/jitter.ts";
import type { VmContext } from "./vm_context.ts";
import type { VmIdle } from "./vm_input.ts";

/** 30 s, or less where a timer is so short that 30 s would be much of it. */
export function debounceMs({ sleepMs, recycleMs }: VmIdle): number {
  const shortest = Math.min(sleepMs ?? Infinity, recycleMs ?? Infinity);
  return Math.max(MIN_DEBOUNCE_MS, Math.min(MAX_DEBOUNCE_MS, Math.floor(shortest / 10)));
}

/** When it is put to sleep unless it is used before; null where it never is. */
export function sleepAt({ settings, sleepFrom }: VmContext): number | null {
  const { sleepMs } = settings.idle;
  return sleepMs === null ? null : sleepFrom + sleepMs;
}

/** When it is recycled unless something happens in it before; null where it never is. */
export function recycleAt({ settings, recycleFrom }: VmContext): number | null {
  const { recycleMs } = settings.idle;
  return recycleMs === null ? null : recycleFrom + recycleMs;
}

/** When its users are told: never in the first half of its idle time; null where they are not. */
export function notifyAt(context: VmContext): number | null {
  const { notifyBeforeMs, recycleMs } = context.settings.idle;
  if (recycleMs === null || notifyBeforeMs === null) return null;
  return context.recycleFrom + Math.max(Math.ceil(recycleMs / 2), recycleMs - notifyBeforeMs);
}

/** How long to wait before the provider is called again. */
export function retryDelayMs({ settings, failures, cleanup }: VmContext): number {
  const maxMs = cleanup === "owed" ? OWED_RETRY_MAX_MS : RETRY_MAX_MS;
  return backoffMs(failures, jitter(settings.id, failures), { baseMs: RETRY_BASE_MS, maxMs });
}
