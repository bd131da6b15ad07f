/** What the provider must know of the machine that it runs on; asked once. */
import { hostScript } from "./bwrap_shell.ts";
import { findGroupControls, type GroupControls } from "./cgroup.ts";

export type Machine = {
  /** Whether the server is root: then sandboxes belong to another user. */
  asRoot: boolean;
  controls: GroupControls;
  /** This process for good, as `PID.TICKS`: what it runs is named after it. */
  server: string;
};

/** Asks at the first call, and again after a failure. */
export function createMachine(): () => Promise<Machine> {
  let known: Promise<Machine> | undefined;
  return () => {
    known ??= look().catch((error) => {
      known = undefined;
      throw error;
    });
    return known;
  };
}

async function look(): Promise<Machine> {
  const text = await hostScript(LOOK, [String(Deno.pid)], { cannot: "Cannot look at the machine" });
  const [uid = "", ticks = ""] = text.trim().split(" ");
  return {
    asRoot: uid === "0",
    controls: await findGroupControls(),
    server: `${Deno.pid}.${ticks}`,
  };
}

const LOOK = `start_of "$1"; echo "$(id -u) $ticks"`;
