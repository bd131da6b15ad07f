/** Ctrl-C as a request: what the first one asks for, and what an impatient second one does. */

/**
 * Two SIGINTs closer than this are one key press: a terminal sends it to every process of the
 * group, and `deno task` passes on the one that it got.
 */
const ONE_PRESS_MS = 300;

const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];

/** Calls `onFirst` at the first SIGINT or SIGTERM and `onSecond` at any later one. */
export function onInterrupts(
  { onFirst, onSecond }: { onFirst: () => void; onSecond: () => void },
): () => void {
  let firstAt: number | undefined;
  const listener = () => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      onFirst();
    } else if (now - firstAt > ONE_PRESS_MS) onSecond();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, listener);
  return () => {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, listener);
  };
}
