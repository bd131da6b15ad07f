/**
 * Starts a sandbox: user, process, network, mount, ipc, host name and control group namespaces of
 * its own, the system's directories read-only, and of the VM's own files those that are its work
 * directory and home. Its first process is a sleep, which outlives the server.
 *
 * Where the server is root, the sandbox belongs to another user of the host, to whom root's files
 * are closed like to any stranger. That user could not reach directories inside of root's own:
 * they are mounted for it at an open place, in a mount namespace that nobody else sees.
 */
import {
  INSIDE_UID,
  OUTSIDE_UID,
  POLL_MS,
  SETTLE_MS,
  SHARED_MEMORY_SHARE,
} from "./bwrap_limits.ts";
import type { Mark, VmPlaces } from "./bwrap_record.ts";
import { hostScript } from "./bwrap_shell.ts";
import { joinsOf, type VmGroups } from "./cgroup_groups.ts";
import { ProviderError, type VmNetwork } from "./provider.ts";

/** The directory that commands start in. */
export const WORK_DIR = "/workspace";
/** The home directory, in the VM. */
export const HOME_DIR = "/home/dev";

export type SandboxOptions = {
  vmId: string;
  places: VmPlaces;
  network: VmNetwork;
  groups: VmGroups;
  /** Null is no limit. */
  memoryMiB: number | null;
  /** What its processes are known by, as variables. */
  markers: Record<string, string>;
  /** Directories of the host that it sees too. */
  readOnlyPaths: readonly string[];
  /** Directories of the system that it does not see. */
  hiddenPaths: readonly string[];
  /** Whether the server is root. */
  asRoot: boolean;
  signal: AbortSignal;
};

/** Starts it and returns its first process once it stands. */
export async function startSandbox(options: SandboxOptions): Promise<Mark> {
  const { vmId, places, network, groups, memoryMiB, markers, asRoot, signal } = options;
  await writeEtc(options);
  const text = await hostScript(START, [
    places.root,
    asRoot ? stageFor([places.root, ...options.readOnlyPaths]) : "",
    network,
    joinsOf(groups).join("\n"),
    options.hiddenPaths.join("\n"),
    memoryMiB === null ? "" : String(Math.floor(memoryMiB * SHARED_MEMORY_SHARE * 1024 * 1024)),
    ...options.readOnlyPaths,
  ], {
    cannot: `Cannot start the sandbox of vm "${vmId}"`,
    signal,
    env: markers,
    through: asRoot ? ["unshare", "--mount", "--propagation", "private"] : [],
  });
  const [pid, ticks] = text.trim().split(" ").map(Number);
  if (pid !== undefined && ticks !== undefined && pid > 0) return { pid, ticks };
  throw new ProviderError("failed", `Cannot start the sandbox of vm "${vmId}": it said "${text}"`);
}

/** An empty directory of the system that none of the paths lies in. */
function stageFor(paths: readonly string[]): string {
  const free = ["/mnt", "/media", "/srv", "/run"]
    .find((stage) => !paths.some((path) => path === stage || path.startsWith(`${stage}/`)));
  if (free !== undefined) return free;
  throw new ProviderError("failed", `Cannot mount ${paths.join(", ")}: no place is free of them`);
}

/** Its own users and names, instead of the host's. */
async function writeEtc({ vmId, places, network }: SandboxOptions): Promise<void> {
  await Deno.mkdir(places.etc, { recursive: true, mode: 0o755 });
  const files = {
    passwd: `root:x:0:0:root:/root:/usr/sbin/nologin
dev:x:${INSIDE_UID}:${INSIDE_UID}:dev:${HOME_DIR}:/bin/sh
nobody:x:65534:65534:nobody:/:/usr/sbin/nologin
`,
    group: `root:x:0:\ndev:x:${INSIDE_UID}:\nnogroup:x:65534:\n`,
    hosts: `127.0.0.1 localhost ${HOST_NAME}\n::1 localhost\n`,
    hostname: `${HOST_NAME}\n`,
    ...(network === "none" ? { "resolv.conf": "" } : {}),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${places.etc}/${name}`, text, { mode: 0o644 });
  }
  if (network === "none") return;
  await hostScript(`cat /etc/resolv.conf > "$1/resolv.conf"`, [places.etc], {
    cannot: `Cannot give vm "${vmId}" the host's name servers`,
  });
}

const HOST_NAME = "vm";

/** Of /etc, what programs need to load, to speak TLS and to know the time: no host, no people. */
const ETC = [
  ...["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone"],
  ...["ssl/certs", "ssl/openssl.cnf", "ca-certificates", "ca-certificates.conf"],
  ...["pki/tls/certs", "pki/ca-trust", "crypto-policies", "nsswitch.conf", "services"],
  ...["protocols", "mime.types", "bash.bashrc", "profile", "inputrc", "terminfo"],
].join(" ");

const START = `
set -eu
root=$1 stage=$2 network=$3 joins=$4 hidden=$5 shared=$6
shift 6
mounts=0
expose() { # sets source to where the sandbox's user can reach it
  source=$1
  [ -n "$stage" ] || return 0
  mounts=$((mounts + 1)) source=$stage/$mounts
  if [ -d "$1" ]; then mkdir -- "$source"; else : > "$source"; fi
  mount --rbind -- "$1" "$source"
}
is_hidden() {
  case "$newline$hidden$newline" in *"$newline$1$newline"*) return 0 ;; esac
  return 1
}
[ -z "$stage" ] || mount -t tmpfs -o mode=0755,size=1m tmpfs "$stage"

left=$#
while [ "$left" -gt 0 ]; do
  path=$1 left=$((left - 1))
  shift
  expose "$path"
  set -- "$@" --ro-bind "$source" "$path"
done
# On disk: files in memory count against the VM's, and do not go when what wrote them is killed.
expose "$root/tmp"
set -- --bind "$source" /tmp "$@"
for path in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /opt; do
  if is_hidden "$path"; then continue
  elif [ -L "$path" ]; then set -- --symlink "$(readlink "$path")" "$path" "$@"
  elif [ -d "$path" ]; then set -- --ro-bind "$path" "$path" "$@"
  fi
done
for name in ${ETC}; do
  set -- "$@" --ro-bind-try "/etc/$name" "/etc/$name"
done
for path in "$root"/etc/*; do
  expose "$path"
  set -- "$@" --ro-bind "$source" "/etc/\${path##*/}"
done
expose "$root/workspace"
set -- "$@" --bind "$source" ${WORK_DIR}
expose "$root/home"
set -- "$@" --bind "$source" ${HOME_DIR}
[ "$network" = none ] || set -- --share-net "$@"
# Older ones have no such option: what is inside may then make namespaces, which harm nobody else.
help=$(bwrap --help 2>&1)
case $help in *--disable-userns*) nested=--disable-userns ;; *) nested= ;; esac
case $help in *--size*) ;; *) shared= ;; esac
# One who is not root could not enter a sandbox whose user namespace lies in another.
if [ -n "$stage" ]; then
  set -- --unshare-all $nested --dev /dev \\
    --perms 1777 \${shared:+--size "$shared"} --tmpfs /dev/shm --remount-ro /dev "$@"
else
  set -- --unshare-all --perms 0755 --tmpfs /dev --dev-bind /dev/null /dev/null \\
    --dev-bind /dev/zero /dev/zero --dev-bind /dev/full /dev/full \\
    --dev-bind /dev/random /dev/random --dev-bind /dev/urandom /dev/urandom \\
    --dev-bind /dev/tty /dev/tty --symlink /proc/self/fd /dev/fd \\
    --symlink fd/0 /dev/stdin --symlink fd/1 /dev/stdout --symlink fd/2 /dev/stderr \\
    --perms 1777 \${shared:+--size "$shared"} --tmpfs /dev/shm --remount-ro /dev "$@"
fi
set -- bwrap --unshare-user --uid ${INSIDE_UID} --gid ${INSIDE_UID} --cap-drop ALL --as-pid-1 \\
  --hostname ${HOST_NAME} --info-fd 3 --proc /proc --perms 0755 --dir /run --perms 0755 --dir /etc \\
  --perms 0755 --dir /home --perms 0755 --dir /var --symlink /tmp /var/tmp "$@" --remount-ro / --chdir / -- \\
  sh -c 'exec env --ignore-signal=CHLD sleep infinity 2>/dev/null'
[ -z "$stage" ] ||
  set -- setpriv --reuid ${OUTSIDE_UID} --regid ${OUTSIDE_UID} --clear-groups -- "$@"

: > "$root/info.json"
(
  IFS=$newline
  for directory in $joins; do echo "$BASHPID" > "$directory/cgroup.procs"; done
  # Of all that run out of memory together, this one should be the last to go.
  { echo -500 > /proc/self/oom_score_adj; } 2>/dev/null || :
  # None is closed: a descriptor of bwrap's own would take its number and stay open inside.
  exec setsid "$@" </dev/null >/dev/null 2>"$root/start.log" 3>"$root/info.json"
) &
monitor=$!

tries=0
while :; do
  pid=$(sed -n 's/^.*"child-pid": \\([0-9]*\\).*$/\\1/p' "$root/info.json")
  if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = sleep ]; then break; fi
  if ! start_of "$monitor" || [ "$state" = Z ]; then cat "$root/start.log" >&2; exit 1; fi
  tries=$((tries + 1))
  if [ "$tries" -gt ${SETTLE_MS / POLL_MS} ]; then
    echo "it did not stand after ${SETTLE_MS} ms" >&2
    exit 1
  fi
  sleep ${POLL_MS / 1_000}
done
start_of "$pid"
echo "$pid $ticks"
`;
