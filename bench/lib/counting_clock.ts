/** The machine's clock, for those who want to know how often it woke somebody. */
import { type Clock, systemClock } from "../../actors/runtime/clock.ts";

/** `woken` is called at each wake-up that came. */
export function countingClock(woken: () => void): Clock {
  return {
    ...systemClock,
    wake: (at, run) =>
      systemClock.wake(at, () => {
        woken();
        run();
      }),
  };
}
