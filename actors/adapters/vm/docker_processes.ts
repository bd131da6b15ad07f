/**
 * Ending what runs in a container. The API starts commands but cannot end them, so that every
 * command carries a marker in its environment, and scripts in the container look for it in /proc.
 *
 * A command of a server that has died is known by its first process, which still lives (the only
 * ones whose parent is outside of the container) and whose marker is none of ours. What a command
 * that ended left in the background has lost its first process, and goes on.
 */
import { settlesWithin, sleep, unlessAborted } from "../executor/waiting.ts";
import type { DockerApi } from "./docker_api.ts";
import { KILL_ROUND_MS, MAX_KILL_ROUNDS } from "./docker_limits.ts";
import { runScript } from "./docker_session.ts";
import { ProviderError } from "./provider.ts";
import { KILL_GRACE_MS, MAX_KILL_GRACE_MS } from "./vm_limits.ts";

/** The variable that every command carries; its value is a marker. */
export const MARKER = "HOLDFAST_EXEC";
/** The length of a marker: 32 hexadecimal digits and a semicolon, which ends it in /proc. */
export const MARKER_CHARS = 33;

/** A marker that no command had. */
export function newMarker(): string {
  return `${crypto.randomUUID().replaceAll("-", "")};`;
}

export type Target = { container: string; vmId: string };

/** The commands that this server runs, and the containers that it has looked through. */
export type Processes = {
  /** Registers a command before it starts. */
  begin(marker: string): void;
  /** Says that a command has ended by itself. */
  done(marker: string): void;
  /**
   * Ends a command and all that it started; `ended` is when its own output ended. Never throws:
   * what could not be ended is told to `warn`, and tried again at the next contact.
   */
  end(target: Target, marker: string, options: EndOptions): Promise<void>;
  /** Before work in a container: ends commands in it that an earlier server left. Never throws. */
  meet(target: Target, signal: AbortSignal): Promise<void>;
  /** A container that has nothing to look through, or is gone. */
  isNew(container: string): void;
  forget(container: string): void;
};

export type EndOptions = {
  signal: "TERM" | "HUP";
  graceMs?: number;
  ended: Promise<unknown>;
};

type Warn = (message: string, fields: Record<string, string>) => void;

export function createProcesses(api: DockerApi, { warn }: { warn: Warn }): Processes {
  const live = new Set<string>();
  const met = new Map<string, Promise<void>>();

  const sweep = async ({ container, vmId }: Target) => {
    const at = atContainer(container, `look for abandoned commands in vm "${vmId}"`);
    try {
      const markers = (await runScript(api, at, FIRST_PROCESSES)).split("\n").filter(Boolean);
      const abandoned = markers.filter((marker) => !live.has(marker));
      if (abandoned.length === 0) return;
      await kill(api, at, abandoned);
      warn("Ended commands that an earlier server left", { vmId, count: `${abandoned.length}` });
    } catch (error) {
      met.delete(container);
      if (isGone(error)) return;
      warn("Cannot end commands that an earlier server left", { vmId, reason: messageOf(error) });
    }
  };

  return {
    begin: (marker) => void live.add(marker),
    done: (marker) => void live.delete(marker),
    async end({ container, vmId }, marker, { signal, graceMs = KILL_GRACE_MS, ended }) {
      const at = atContainer(container, `end a command in vm "${vmId}"`);
      try {
        const found = await runScript(api, at, SIGNAL, signal, marker);
        const waitMs = Math.min(graceMs, MAX_KILL_GRACE_MS);
        if (found !== "" && waitMs > 0) await settlesWithin(api.clock, waitMs, settled(ended));
        await kill(api, at, [marker]);
      } catch (error) {
        // The marker is none of ours from here on, so that the next contact ends it.
        met.delete(container);
        if (!isGone(error)) warn("Cannot end a command", { vmId, reason: messageOf(error) });
      } finally {
        live.delete(marker);
      }
    },
    async meet(target, signal) {
      const known = met.get(target.container) ?? sweep(target);
      met.set(target.container, known);
      await unlessAborted(signal, known);
      signal.throwIfAborted();
    },
    isNew: (container) => void met.set(container, Promise.resolve()),
    forget: (container) => void met.delete(container),
  };
}

/** Kills until nothing is left: some of them may start others meanwhile. */
async function kill(
  api: DockerApi,
  at: ReturnType<typeof atContainer>,
  markers: readonly string[],
): Promise<void> {
  for (let round = 1; round <= MAX_KILL_ROUNDS; round++) {
    if (await runScript(api, at, SIGNAL, "KILL", ...markers) === "") return;
    await sleep(api.clock, KILL_ROUND_MS);
  }
  throw new ProviderError("failed", `Cannot ${at.action}: its processes would not die`);
}

/** Ending what runs is not ended by a signal; each step has its deadline. */
function atContainer(container: string, action: string) {
  return { container, action, signal: new AbortController().signal };
}

function isGone(error: unknown): boolean {
  return error instanceof ProviderError && error.code === "not_found";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Resolves when the promise settles, however it does. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await Promise.allSettled([promise]);
}

/**
 * Shell functions: `stat_of PID` sets `state parent session`, `marker_of PID` sets `marker`. They
 * start no process of their own, so that they work where no more can be started.
 */
const FUNCTIONS = `
stat_of() {
  stat=
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  set -- \${stat##*) }
  state=$1 parent=$2 session=$4
  [ "$state" != Z ]
}
marker_of() {
  marker=
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *${MARKER}=*)
      marker=\${line#*${MARKER}=}
      marker=\${marker%%;*}\\;
      break ;;
    esac
    line=
  done 2>/dev/null <"/proc/$1/environ"
}
`;

/** Prints the markers of first processes. */
const FIRST_PROCESSES = `${FUNCTIONS}
for directory in /proc/[0-9]*; do
  pid=\${directory#/proc/}
  [ "$pid" = 1 ] || [ "$pid" = $$ ] && continue
  stat_of "$pid" && [ "$parent" = 0 ] || continue
  marker_of "$pid"
  [ -z "$marker" ] || printf '%s\\n' "$marker"
done
`;

/**
 * Sends signal $1 to all processes with one of the markers that follow, to what those started, and
 * to all of their sessions; prints whom. Looks again until it finds no more.
 */
const SIGNAL = `${FUNCTIONS}
signal=$1
shift
markers=" $* " family=' ' pids= strangers=' ' again=1
while [ -n "$again" ]; do
  again=
  for directory in /proc/[0-9]*; do
    pid=\${directory#/proc/}
    [ "$pid" = 1 ] || [ "$pid" = $$ ] && continue
    case $family in *" $pid "*) continue ;; esac
    stat_of "$pid" || continue
    case $family in *" $parent "*|*" s$session "*) ;; *)
      case $strangers in *" $pid "*) continue ;; esac
      marker_of "$pid"
      case $markers in *" \${marker:-none} "*) ;; *)
        strangers="$strangers$pid "
        continue ;;
      esac ;;
    esac
    family="$family$pid " pids="$pids $pid" again=1
    [ "$session" -gt 1 ] && family="\${family}s$session "
  done
done
[ -z "$pids" ] || kill -s "$signal" $pids 2>/dev/null
printf '%s' "$pids"
`;
