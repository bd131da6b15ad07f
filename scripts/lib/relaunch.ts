/** Runs the server anew whenever a file changes, for those who work on it. */
import type { Launched } from "./launcher.ts";

/** A save is several events; they count as one when no more come for so long. */
const QUIET_MS = 100;

/**
 * Launches, and launches again after each change below `directories`, until somebody asks for the
 * end. A server that ended by itself, because its code is broken, waits for the next change.
 */
export async function relaunchOnChange(
  directories: readonly string[],
  launchOnce: (signal: AbortSignal) => Promise<Launched>,
): Promise<number> {
  using changes = watch(directories);
  for (;;) {
    const changed = changes.next();
    const stop = new AbortController();
    const running = launchOnce(stop.signal);
    await Promise.race([running, changed]);
    stop.abort();
    const { code, asked } = await running;
    if (asked) return code;
    await changed;
  }
}

function watch(directories: readonly string[]): Disposable & { next(): Promise<void> } {
  const watcher = Deno.watchFs([...directories]);
  let waiting = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = () => {
    waiting.resolve();
    waiting = Promise.withResolvers();
  };
  const listen = async () => {
    for await (const { kind } of watcher) {
      if (kind === "access") continue;
      clearTimeout(timer);
      timer = setTimeout(tell, QUIET_MS);
    }
  };
  listen();
  return {
    next: () => waiting.promise,
    [Symbol.dispose]() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
