/**
 * The command line that runs something in a sandbox: it joins the VM's control groups, enters the
 * namespaces, gives up all privileges and becomes the command.
 *
 * It ends with the server, however that dies: the kernel kills who waits outside, and then tells
 * the command to end. It forgets such a wish whenever a process changes its user, so that the one
 * outside stays the server's user, and the one inside states it last.
 */
import { MAX_VARIABLE_BYTES } from "../executor/executor_limits.ts";
import { INSIDE_UID } from "./bwrap_limits.ts";
import type { BwrapRecord } from "./bwrap_record.ts";
import { HOST_PATH, shellOf } from "./bwrap_shell.ts";
import { HOME_DIR, WORK_DIR } from "./bwrap_start.ts";
import { type Group, joinsOf } from "./cgroup_groups.ts";
import { ProviderError } from "./provider.ts";

export type Entry = {
  argv: string[];
  /** All of the environment of the processes outside. */
  env: Record<string, string>;
  /** What the first line on standard error begins with where the command was not begun. */
  refusal: string;
};

export type EntryOptions = {
  command: readonly string[];
  /** Absolute, in the VM. */
  cwd: string;
  /** All of the command's environment. */
  env: Readonly<Record<string, string>>;
  /** Variables for the processes outside too. */
  markers: Readonly<Record<string, string>>;
  /** The name of the command's own control group. */
  leaf: string;
  asRoot: boolean;
};

/** How to run a command in the VM of a record. */
export function entryOf(record: BwrapRecord, options: EntryOptions): Entry {
  const refusal = `holdfast-${crypto.randomUUID()}`;
  const { init, groups } = record;
  return {
    argv: [
      ...shellOf(ENTER),
      String(init?.pid ?? ""),
      String(init?.ticks ?? ""),
      joinsOf(groups, options.leaf).join("\n"),
      frozenFile(groups.tree),
      options.asRoot ? "root" : "own",
      ...[BECOME, refusal, options.cwd, ...options.command],
    ],
    env: {
      ...options.markers,
      PATH: HOST_PATH,
      LC_ALL: "C",
      // As one text of no meaning to anybody outside, where a variable might be a weapon; and
      // not as arguments, which everybody may read.
      [EXPORTS]: exportsOf(options.env, record.vmId),
    },
    refusal,
  };
}

/** The environment that commands in a VM begin with. */
export function insideEnv(
  record: Pick<BwrapRecord, "env">,
  ...more: readonly Readonly<Record<string, string>>[]
): Record<string, string> {
  return Object.assign(
    {
      PATH: HOST_PATH,
      HOME: HOME_DIR,
      USER: "dev",
      LOGNAME: "dev",
      SHELL: "/bin/sh",
      LANG: "C.UTF-8",
    },
    record.env,
    ...more,
  );
}

/** Throws `ProviderError("invalid")` for names that no shell could set. */
export function checkEnv(env: Readonly<Record<string, string>>, cannot: string): void {
  for (const [name, value] of Object.entries(env)) {
    const reason = !/^[A-Za-z_]\w*$/.test(name)
      ? `"${name}" is no name of a variable`
      : value.includes("\0")
      ? `the value of "${name}" holds a NUL`
      : null;
    if (reason !== null) throw new ProviderError("invalid", `${cannot}: ${reason}`);
  }
}

/** The directory that a command starts in. */
export function cwdOf(cwd: string | undefined): string {
  if (cwd === undefined || cwd === "") return WORK_DIR;
  return cwd.startsWith("/") ? cwd : `${WORK_DIR}/${cwd}`;
}

/** Why a command was not begun. */
export type Refusal = "gone" | "suspended" | "cwd" | "command";

/** The refusal that standard error begins with, if it does. */
export function refusalIn(stderr: string, refusal: string): Refusal | undefined {
  if (!stderr.startsWith(`${refusal} `)) return undefined;
  return REFUSALS.find((reason) => stderr.slice(refusal.length + 1).trim() === reason);
}

const REFUSALS: readonly Refusal[] = ["gone", "suspended", "cwd", "command"];

function frozenFile(tree: Group | null): string {
  if (tree === null) return "";
  return `${tree.directory}/${tree.version === 2 ? "cgroup.freeze" : "freezer.state"}`;
}

const EXPORTS = "HOLDFAST_VM_EXPORTS";

/** Throws `ProviderError("invalid")` where it is more than one variable can hold. */
function exportsOf(env: Readonly<Record<string, string>>, vmId: string): string {
  const text = Object.entries(env)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join("");
  const bytes = new TextEncoder().encode(`${EXPORTS}=${text}`).length;
  if (bytes <= MAX_VARIABLE_BYTES) return text;
  throw new ProviderError(
    "invalid",
    `Cannot run a command in vm "${vmId}": its environment has ${bytes} bytes in all, quotes ` +
      `told apart; the limit is ${MAX_VARIABLE_BYTES}. Put long texts into a file`,
  );
}

/**
 * Outside. As root the namespaces are entered as root, and the user last. SIGTERM ends who waits
 * outside at once, when the command still has time to act on it: hence no SIGKILL inside.
 */
const ENTER = `
pid=$1 recorded=$2 joins=$3 frozen=$4 who=$5 become=$6 refusal=$7
shift 7
refuse() { echo "$refusal $1" >&2; exit 125; }
is_process "$pid" "$recorded" || refuse gone
if [ -n "$frozen" ]; then
  case $(cat "$frozen") in 1|FR*) refuse suspended ;; esac
elif [ "$state" = T ]; then
  refuse suspended
fi
IFS=$newline
for directory in $joins; do
  [ -d "$directory" ] || mkdir "$directory" 2>/dev/null || refuse gone
  echo $$ > "$directory/cgroup.procs" || refuse gone
done
unset IFS
set -- setpriv --pdeathsig TERM --no-new-privs -- sh -c "$become" sh "$refusal" "$@"
if [ "$who" = root ]; then
  exec setpriv --pdeathsig KILL --clear-groups -- nsenter -t "$pid" -m -p -n -i -u -C -- \\
    nsenter --user=/proc/1/ns/user -S ${INSIDE_UID} -G ${INSIDE_UID} -- "$@"
fi
exec setpriv --pdeathsig KILL -- \\
  nsenter -t "$pid" -U -m -p -n -i -u --preserve-credentials -- "$@"
`;

/** Inside, as the VM's user. */
const BECOME = `
cd -- "$2" 2>/dev/null || { echo "$1 cwd" >&2; exit 125; }
unset LC_ALL OLDPWD
eval "$${EXPORTS}"
unset ${EXPORTS}
case $3 in
  */*) [ -e "$3" ] || [ -L "$3" ] ;;
  *) command -v -- "$3" >/dev/null ;;
esac || { echo "$1 command" >&2; exit 127; }
shift 2
exec "$@"
`;
