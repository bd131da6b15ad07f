/**
 * The clock port. The runtime asks only this for the time and for wake-ups, so that a simulator
 * can put its own in place. Times are milliseconds since the Unix epoch.
 */
import { setImmediate } from "node:timers";

/** The time, and wake-ups. */
export interface Clock {
  /** The present time, ms since the epoch. */
  now(): number;
  /** Calls `run` once at or after `at`; returns what cancels it. */
  wake(at: number, run: () => void): () => void;
  /** Calls `run` once input that has arrived meanwhile has been taken in. */
  soon(run: () => void): void;
}

/** Longest timeout that JavaScript timers take; a longer one is armed again. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  wake(at, run) {
    let id: ReturnType<typeof setTimeout>;
    const arm = () => {
      const wait = Math.max(0, at - Date.now());
      id = setTimeout(() => Date.now() >= at ? run() : arm(), Math.min(wait, MAX_TIMEOUT_MS));
    };
    arm();
    return () => clearTimeout(id);
  },
  soon: (run) => void setImmediate(run),
};
