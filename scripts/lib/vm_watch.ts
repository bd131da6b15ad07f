/** Watches one VM on its way, over restarts of the server, by the feed and not by asking again. */
import { GIVE_UP_MS, isAway, pause, RETRY_MS } from "./away.ts";
import type { Client } from "./client.ts";
import { Vm } from "./vm_answers.ts";
import { vmPath } from "./vm_command.ts";
import { changesOf } from "./watch_feed.ts";

export type VmWatch = {
  /** Whether this is what is waited for. */
  until(vm: Vm): boolean;
  /** Told how it stands, at first and after each change. */
  onChange?(vm: Vm): void;
  /** The server has gone; it is looked for until it is back. */
  onLost?(): void;
};

/** The VM as soon as it is what is waited for. Throws when the server stays away. */
export async function watchVm(
  client: Client,
  id: string,
  { until, onChange, onLost }: VmWatch,
): Promise<Vm> {
  let lostAt: number | undefined;
  let revision: number | undefined;
  while (true) {
    try {
      for await (const _ of changesOf(client, "vm")) {
        const vm = await client.get(vmPath(id), { schema: Vm });
        lostAt = undefined;
        if (vm.revision !== revision) onChange?.(vm);
        revision = vm.revision;
        if (until(vm)) return vm;
      }
    } catch (error) {
      if (!isAway(error)) throw error;
      if (lostAt !== undefined && performance.now() - lostAt > GIVE_UP_MS) throw error;
    }
    if (lostAt === undefined) onLost?.();
    lostAt ??= performance.now();
    await pause(RETRY_MS);
  }
}
