/** Signs of life of an attempt: its output, told to its owner now and then. */
import type { Clock } from "../../runtime/clock.ts";
import type { JsonObject } from "../../runtime/json.ts";
import type { EffectContext } from "../../runtime/kind.ts";

/** Tells the owner of output, at most once every `everyMs`. */
export function createActivity(
  context: EffectContext,
  everyMs: number,
  { clock, warn }: { clock: Clock; warn: (message: string, fields: JsonObject) => void },
): { open(): void; touch(): void } {
  let open = false;
  let untold = false;
  let toldAt = -Infinity;
  const tell = () => {
    untold = false;
    toldAt = clock.now();
    context.send({ type: "executor.activity" }).catch((error) =>
      // A lost sign of life is not worth a task; the next one follows.
      warn("Cannot tell of activity", { address: context.address, reason: String(error) })
    );
  };
  return {
    open() {
      open = true;
      if (untold) tell();
    },
    touch() {
      if (open && clock.now() - toldAt >= everyMs) tell();
      else untold = true;
    },
  };
}
