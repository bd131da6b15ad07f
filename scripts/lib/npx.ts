/**
 * What `npx` does not do: end the program that it runs when it is ended itself. Between npx and a
 * launcher are a shell and `deno task`, which live on as orphans, so that the launcher has to look
 * further up than to its own parent.
 */

/** What npm calls its process. */
const NPM = /^np[mx]\b/;
/** The shell, and one more for whatever wraps it. */
const MAX_CLIMB = 3;

/**
 * Waits until a process has another parent than the one named. Its arguments are pairs of pids,
 * child and parent. Linux without procps has no `ps`; Deno itself reads /proc only with every
 * permission, and a shell reads it without starting a process each time.
 */
const WAIT = `
trap '' INT HUP TERM
parent_of() {
  if [ -d /proc/self ]; then
    read -r stat 2>/dev/null < "/proc/$1/stat" || return
    set -- \${stat##*) }
    echo "$2"
  else
    ps -o ppid= -p "$1" | tr -d ' '
  fi
}
while :; do
  for pid in "$@"; do
    if [ -z "$child" ]; then child=$pid; continue; fi
    [ "$(parent_of "$child")" = "$pid" ] || exit 0
    child=
  done
  sleep 0.5
done`;

/** A process and its parent, by pid. */
type Link = readonly [child: number, parent: number];

/** The links from `pid` up to npx; none where npx is not among its ancestors. */
export async function linksUpToNpx(pid: number): Promise<Link[]> {
  const links: Link[] = [];
  let child = pid;
  while (links.length < MAX_CLIMB) {
    const parent = (await inspect(child))?.parent;
    if (parent === undefined || parent <= 1) return [];
    links.push([child, parent]);
    if (NPM.test((await inspect(parent))?.name ?? "")) return links;
    child = parent;
  }
  return [];
}

/** Calls `broken` when one of the links has broken. Returns what takes the watch away. */
export function watchLinks(links: readonly Link[], broken: () => void): () => void {
  // The shell's own link makes it end with this process.
  const script = `set -- "$@" $$ ${Deno.pid}\n${WAIT}`;
  const watcher = new Deno.Command("sh", {
    args: ["-c", script, "sh", ...links.flat().map(String)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let released = false;
  let over = false;
  watcher.status.then(() => {
    over = true;
    if (!released) broken();
  });
  return () => {
    released = true;
    if (!over) watcher.kill("SIGKILL");
  };
}

/** Name and parent of a process, or undefined where it is gone. */
async function inspect(pid: number): Promise<{ name: string; parent: number } | undefined> {
  const [program, ...args] = Deno.build.os === "linux"
    ? ["cat", `/proc/${pid}/stat`]
    : ["ps", "-o", "comm=,ppid=", "-p", `${pid}`];
  const { stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
  const text = new TextDecoder().decode(stdout);
  const found = /^\d+ \((.*)\) \S (\d+) /s.exec(text) ?? /^(.*?) +(\d+)\s*$/.exec(text);
  return found === null ? undefined : { name: found[1] ?? "", parent: Number(found[2]) };
}
