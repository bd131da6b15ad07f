/**
 * Finds sandboxes again and ends them: by the first process that was recorded, by the control
 * groups, and by the markers in the environment, of which any one may be missing after a crash.
 * A pid alone is never believed.
 */
import { VM_MARKER } from "../executor/environment.ts";
import type { VmSighting } from "./provider.ts";
import { POLL_MS, SETTLE_MS } from "./bwrap_limits.ts";
import type { BwrapRecord, Mark } from "./bwrap_record.ts";
import { hostScript } from "./bwrap_shell.ts";
import { directoriesOf, type VmGroups } from "./cgroup_groups.ts";

/**
 * Which instance of Holdfast a VM is of. Not the marker that the processes of tasks carry: whoever ends those that an earlier server
 * left must not end the VMs with them.
 */
export const VM_INSTANCE_MARKER = "HOLDFAST_VM_INSTANCE";

/** The groups of commands are named after the server that runs them, so that none outlives it. */
export const COMMAND_GROUP = "command";

/** What all processes of a VM's sandbox are known by. */
export function markersOf(instance: string, vmId: string): Record<string, string> {
  return { [VM_MARKER]: vmId, [VM_INSTANCE_MARKER]: instance };
}

/**
 * The state of each sandbox, in the order asked. Commands whose server has died are ended on the
 * way, with all that they started.
 */
export async function lookAt(
  records: readonly Pick<BwrapRecord, "init" | "groups">[],
  signal: AbortSignal,
): Promise<VmSighting["state"][]> {
  if (records.length === 0) return [];
  const args = records.flatMap(({ init, groups: { tree } }) => [
    String(init?.pid ?? ""),
    String(init?.ticks ?? ""),
    tree?.directory ?? "",
    String(tree?.version ?? ""),
  ]);
  const text = await hostScript(END_GROUP + LOOK, args, { cannot: "Cannot look at VMs", signal });
  const states = text.split("\n");
  return records.map((_, index) => asState(states[index]));
}

/** Ends all processes of a VM and removes its control groups. Nothing to end is no error. */
export async function endSandbox(
  { vmId, instance, init, groups }: {
    vmId: string;
    instance: string;
    init: Mark | null;
    groups: VmGroups;
  },
  signal?: AbortSignal,
): Promise<void> {
  await hostScript(END_GROUP + END, [
    `${VM_MARKER}=${vmId}`,
    `${VM_INSTANCE_MARKER}=${instance}`,
    String(init?.pid ?? ""),
    String(init?.ticks ?? ""),
    groups.tree?.directory ?? "",
    String(groups.tree?.version ?? ""),
    ...directoriesOf(groups),
  ], { cannot: `Cannot end vm "${vmId}"`, ...(signal === undefined ? {} : { signal }) });
}

/** Stops all processes of a sandbox, or lets them go on; resolves when it is so. */
export async function freeze(
  { vmId, init, groups: { tree } }: Pick<BwrapRecord, "vmId" | "init" | "groups">,
  frozen: boolean,
  signal: AbortSignal,
): Promise<void> {
  await hostScript(FREEZE, [
    frozen ? "1" : "0",
    String(init?.pid ?? ""),
    tree?.directory ?? "",
    String(tree?.version ?? ""),
  ], { cannot: `Cannot ${frozen ? "suspend" : "resume"} vm "${vmId}"`, signal });
}

/** Ends a command's group with all in it, or hands what is left in it over to the VM. */
export async function closeCommandGroup(
  { directory, version }: { directory: string; version: 1 | 2 },
  { kill }: { kill: boolean },
): Promise<void> {
  await hostScript(END_GROUP + CLOSE, [directory, String(version), kill ? "1" : "0"], {
    cannot: `Cannot close control group "${directory}"`,
  });
}

function asState(word: string | undefined): VmSighting["state"] {
  return word === "running" || word === "suspended" ? word : "stopped";
}

const TRIES = SETTLE_MS / POLL_MS;
const PAUSE = `sleep ${POLL_MS / 1_000}`;

/** Kills all in a group and those below it, and removes them. */
const END_GROUP = `
end_group() { # directory version
  [ -d "$1" ] || return 0
  tries=0
  while :; do
    if [ "$2" = 2 ] && [ -e "$1/cgroup.kill" ]; then
      { echo 1 > "$1/cgroup.kill"; } 2>/dev/null || :
    else
      # What is frozen does not die in version 1.
      for state in $(find "$1" -name freezer.state 2>/dev/null); do
        { echo THAWED > "$state"; } 2>/dev/null || :
      done
      kill -9 $(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null) 2>/dev/null || :
    fi
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || :
    [ -d "$1" ] || return 0
    tries=$((tries + 1))
    if [ "$tries" -gt ${TRIES} ]; then
      echo "control group $1 still holds processes $(cat "$1/cgroup.procs" | tr '\\n' ' ')" >&2
      return 1
    fi
    ${PAUSE}
  done
}
`;

const LOOK = `
while [ $# -gt 0 ]; do
  pid=$1 recorded=$2 tree=$3 version=$4
  shift 4
  answer=stopped
  if is_process "$pid" "$recorded"; then
    answer=running
    case $version in
      2) [ "$(cat "$tree/cgroup.freeze")" = 0 ] || answer=suspended ;;
      1) [ "$(cat "$tree/freezer.state")" = THAWED ] || answer=suspended ;;
      *) [ "$state" != T ] || answer=suspended ;;
    esac
  fi
  for group in "$tree"/${COMMAND_GROUP}.*; do
    [ -n "$tree" ] && [ -d "$group" ] || continue
    server=\${group##*/${COMMAND_GROUP}.}
    server_ticks=\${server#*.}
    is_process "\${server%%.*}" "\${server_ticks%%.*}" || end_group "$group" "$version"
  done
  echo "$answer"
done
`;

/** What is only being started, or enters, carries the markers too. */
const END = `
vm=$1 instance=$2 pid=$3 recorded=$4 tree=$5 version=$6
shift 6
carrying() { # sets found to the processes that carry the VM's markers
  found=
  for file in $(grep -lsaFzx -e "$vm" /proc/[0-9]*/environ); do
    grep -qsaFzx -e "$instance" "$file" && found="$found $(basename "\${file%/environ}")"
  done
  return 0
}
if is_process "$pid" "$recorded"; then kill -9 "$pid"; fi
failed=0
[ -z "$tree" ] || end_group "$tree" "$version" || failed=1
tries=0
while carrying; [ -n "$found" ] || is_process "$pid" "$recorded"; do
  [ -z "$found" ] || kill -9 $found 2>/dev/null || :
  tries=$((tries + 1))
  if [ "$tries" -gt ${TRIES} ]; then
    echo "processes $pid $found would not die" >&2
    exit 1
  fi
  ${PAUSE}
done
for directory in "$@"; do
  end_group "$directory" 1 || failed=1
  # Those above are other VMs' too.
  above=\${directory%/*}
  rmdir "$above" "\${above%/*}" 2>/dev/null || :
done
exit "$failed"
`;

const FREEZE = `
frozen=$1 pid=$2 tree=$3 version=$4
tries=0
settle() { # asks again until the condition in the arguments holds
  until "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -gt ${TRIES} ]; then echo "it did not take effect" >&2; exit 1; fi
    ${PAUSE}
  done
}
is_frozen() { grep -q "^frozen $frozen$" "$tree/cgroup.events"; }
is_set() { [ "$(cat "$tree/freezer.state")" = "$word" ]; }
is_signalled() {
  space=$(readlink "/proc/$pid/ns/pid")
  # New ones may appear while we go through: until none is found in the other state.
  others=0
  for each in $(find /proc/[0-9]*/ns/pid -maxdepth 0 -lname "pid:\\[$(echo "$space" |
      tr -dc 0-9)\\]" 2>/dev/null); do
    each=\${each#/proc/}
    start_of "\${each%%/*}" || continue
    case $state$frozen in
      Z*|X*|T1) ;;
      T0) kill -CONT "\${each%%/*}"; others=1 ;;
      *1) kill -STOP "\${each%%/*}"; others=1 ;;
    esac
  done
  [ "$others" = 0 ]
}
case $version in
  2) echo "$frozen" > "$tree/cgroup.freeze" && settle is_frozen ;;
  1)
    if [ "$frozen" = 1 ]; then word=FROZEN; else word=THAWED; fi
    echo "$word" > "$tree/freezer.state" && settle is_set
    ;;
  *) settle is_signalled ;;
esac
`;

const CLOSE = `
[ -d "$1" ] || exit 0
if [ "$3" = 1 ]; then
  end_group "$1" "$2"
  exit
fi
rmdir "$1" 2>/dev/null && exit
# What still runs in the background stays with the VM.
for pid in $(cat "$1/cgroup.procs"); do
  { echo "$pid" > "\${1%/*}/cgroup.procs"; } 2>/dev/null || :
done
rmdir "$1" 2>/dev/null || :
`;
