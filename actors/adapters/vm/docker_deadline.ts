/** Deadlines of what is asked of the daemon, by the clock, without leaving a timer behind. */
import type { Clock } from "../../runtime/clock.ts";
import { ProviderError } from "./provider.ts";

export type Deadline = {
  /** Aborts with the caller's reason, or with `ProviderError("unreachable")` when time is up. */
  readonly signal: AbortSignal;
  /** Puts it off again by the whole of its length. */
  extend(): void;
  /** Takes it away; must be called. */
  end(): void;
};

/** A limit for `action`, from now on. */
export function deadline(
  clock: Clock,
  { signal, limitMs, action, socket }: {
    signal: AbortSignal;
    limitMs: number;
    action: string;
    socket: string;
  },
): Deadline {
  const controller = new AbortController();
  const forward = () => controller.abort(signal.reason);
  if (signal.aborted) forward();
  signal.addEventListener("abort", forward, { once: true });
  const late = () =>
    controller.abort(
      new ProviderError(
        "unreachable",
        `Cannot ${action}: docker at ${socket} did not answer within ${limitMs} ms`,
      ),
    );
  let cancel = clock.wake(clock.now() + limitMs, late);
  return {
    signal: controller.signal,
    extend() {
      cancel();
      cancel = clock.wake(clock.now() + limitMs, late);
    },
    end() {
      cancel();
      signal.removeEventListener("abort", forward);
    },
  };
}
