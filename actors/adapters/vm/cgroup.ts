/**
 * Where control groups for VMs can be made on this machine. They are nested below the group that
 * the server itself is in, so that nobody escapes a limit that was set on the server. Version 1,
 * version 2 and both side by side are known; what cannot be used is said with its reason.
 */
import { hostScript } from "./bwrap_shell.ts";

/** A directory below which groups are made. */
export type GroupPlace = {
  /** The server's own group there. */
  own: string;
  version: 1 | 2;
};

/** What one kind of control can be had by. */
export type GroupControl = { place: GroupPlace | null; reason: string | null };

/** `tree` is for freezing and killing: a version 2 hierarchy, or the freezer of version 1. */
export type GroupControls = { readonly [control in Control]: GroupControl };

export type Control = "memory" | "cpu" | "pids" | "tree";

/** Looks at the machine. */
export async function findGroupControls(signal?: AbortSignal): Promise<GroupControls> {
  const text = await hostScript(READ, [], {
    cannot: "Cannot read the control groups",
    ...(signal === undefined ? {} : { signal }),
  });
  const [memberships = "", mounts = ""] = text.split("\0");
  const hierarchies = parseHierarchies(memberships, mounts);
  const [memory, cpu, pids, tree] = await Promise.all([
    tryControl("memory", hierarchies, signal),
    tryControl("cpu", hierarchies, signal),
    tryControl("pids", hierarchies, signal),
    tryControl("tree", hierarchies, signal),
  ]);
  return { memory, cpu, pids, tree };
}

/** The server's own group in each hierarchy, by the names of its controllers; `""` is version 2. */
export function parseHierarchies(memberships: string, mounts: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of memberships.split("\n")) {
    const [, id, controllers = "", path = "/"] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (id === undefined) continue;
    for (const controller of controllers.split(",")) {
      const mount = mountOf(controller, mounts);
      if (mount === undefined || !isBelow(path, mount.root)) continue;
      const rest = mount.root === "/" ? path : path.slice(mount.root.length);
      found.set(controller, `${mount.point}${rest}`.replace(/\/$/, ""));
    }
  }
  return found;
}

const READ = `cat /proc/self/cgroup; printf '\\0'; cat /proc/self/mountinfo`;

/** `ID PARENT DEVICE ROOT POINT OPTIONS [TAGS] - TYPE SOURCE SUPER_OPTIONS` */
const MOUNT = /^\d+ \d+ \S+ (\S+) (\S+) .*? - (cgroup2?) \S+ (\S+)$/gm;

function mountOf(
  controller: string,
  mounts: string,
): { root: string; point: string } | undefined {
  for (const [, root = "/", point = "", type, options = ""] of mounts.matchAll(MOUNT)) {
    const fits = controller === ""
      ? type === "cgroup2"
      : type === "cgroup" && options.split(",").includes(controller);
    if (fits) return { root: unescape(root), point: unescape(point) };
  }
  return undefined;
}

/** The kernel writes spaces and the like as `\040`. */
function unescape(path: string): string {
  return path.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}

function isBelow(path: string, root: string): boolean {
  return root === "/" || path === root || path.startsWith(`${root}/`);
}

/** Prefers version 1 for what it controls there, since version 2 then does not have it. */
async function tryControl(
  control: Control,
  hierarchies: ReadonlyMap<string, string>,
  signal: AbortSignal | undefined,
): Promise<GroupControl> {
  const places: GroupPlace[] = [];
  const second = hierarchies.get("");
  const first = hierarchies.get(control === "tree" ? "freezer" : control);
  if (control !== "tree" && first !== undefined) places.push({ own: first, version: 1 });
  if (second !== undefined) places.push({ own: second, version: 2 });
  if (control === "tree" && first !== undefined) places.push({ own: first, version: 1 });
  const refusals: string[] = [];
  for (const place of places) {
    const refusal = await tryPlace(place, control, signal);
    if (refusal === null) return { place, reason: null };
    refusals.push(refusal);
  }
  const none = `no control group hierarchy with ${control} is mounted; mount cgroup2`;
  // The first is the one that has the controller.
  return { place: null, reason: refusals[0] ?? none };
}

async function tryPlace(
  { own, version }: GroupPlace,
  control: Control,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const answer = await hostScript(TRY, [own, String(version), control], {
    cannot: `Cannot try control group "${own}"`,
    ...(signal === undefined ? {} : { signal }),
  });
  switch (answer.trim()) {
    case "ok":
      return null;
    case "absent":
      return `control group "${own}" has no ${control} controller`;
    case "undelegated":
      return `control group "${own}" cannot hand on its ${control} controller; ` +
        "run the server as a service with Delegate=yes and DelegateSubgroup=server";
    default:
      return `control group "${own}" is not writable; run the server as root, or as a service ` +
        "with Delegate=yes";
  }
}

const TRY = `
own=$1 version=$2 control=$3
[ "$version" = 1 ] || [ "$control" = tree ] ||
  grep -qw "$control" "$own/cgroup.controllers" || { echo absent; exit; }
probe=$own/holdfast_probe_$$
mkdir "$probe" 2>/dev/null || { echo readonly; exit; }
trap 'rmdir "$probe"' EXIT
[ -w "$probe/cgroup.procs" ] || { echo readonly; exit; }
[ "$version" = 1 ] || [ "$control" = tree ] ||
  { echo "+$control" > "$own/cgroup.subtree_control"; } 2>/dev/null ||
  { echo undelegated; exit; }
echo ok
`;
