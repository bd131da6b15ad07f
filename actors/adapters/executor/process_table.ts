/**
 * The machine's processes, as far as they matter here: who belongs to whom, and who carries our
 * markers. On Linux the markers are read from /proc; Deno gives /proc itself only to programs
 * with every permission, so that `sh`, `cat` and `grep` read it. Elsewhere `ps` is asked, which
 * shows no markers. It kills nobody.
 */
import { INSTANCE_MARKER, KEY_MARKER, VM_MARKER } from "./environment.ts";
import { PROCESS_TABLE_MS } from "./executor_limits.ts";

/** One living process. */
export type ProcessInfo = {
  pid: number;
  parent: number;
  /** The process group. */
  group: number;
  /** The session, which survives a change of group; the group where it is not known. */
  session: number;
  /** Start time in the kernel's own unit: with the pid it means one process for good. */
  startedTicks: number;
  /** Stopped by a signal. */
  stopped: boolean;
  /** Markers, where the process carries them and they can be read. */
  instance: string | null;
  key: string | null;
  vm: string | null;
};

/** Lists the living processes; those that only wait to be reaped are left out. */
export type ProcessTable = () => Promise<ProcessInfo[]>;

/** The table of the system that this runs on. */
export function processTable(): ProcessTable {
  return Deno.build.os === "linux" ? procTable : psTable;
}

/** Reads /proc. */
export async function procTable(): Promise<ProcessInfo[]> {
  const names = [INSTANCE_MARKER, KEY_MARKER, VM_MARKER].map((name) => `${name}=`);
  const text = await read("sh", ["-c", READ_PROC, "sh", ...names]);
  const split = text.indexOf("\0");
  const markers = parseMarkers(text.slice(split + 1));
  return parseStat(text.slice(0, split)).map((info) => ({ ...info, ...markers.get(info.pid) }));
}

/** Asks `ps`, in the form that every Unix has. */
export async function psTable(): Promise<ProcessInfo[]> {
  const text = await read("ps", ["-axo", "pid=,ppid=,pgid=,stat=,lstart="]);
  return [...text.matchAll(PS_LINE)].flatMap((match) => {
    const [, pid, parent, group, state = "", started = ""] = match;
    if (state.startsWith("Z")) return [];
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(group),
      startedTicks: Date.parse(started) / 1000,
      stopped: state.startsWith("T"),
      instance: null,
      key: null,
      vm: null,
    };
  });
}

/** All stat lines, a NUL, then each marker as `/proc/PID/environ:NAME=VALUE` and a NUL. */
const READ_PROC = `cat /proc/[0-9]*/stat 2>/dev/null; printf '\\0'
grep -sazHx -e "$1.*" -e "$2.*" -e "$3.*" /proc/[0-9]*/environ; exit 0`;

/** The name may hold anything, parentheses and line breaks too: hence the lazy dot. */
const STAT =
  /^(\d+) \(.*?\) ([A-Za-z]) (-?\d+) (-?\d+) (-?\d+)(?: -?\d+){15} (\d+)(?: -?\d+){20,}$/gms;
const MARKER = /^\/proc\/(\d+)\/environ:(\w+)=(.*)$/s;
const PS_LINE = /^ *(\d+) +(\d+) +(\d+) +(\S+) +(\S.*?) *$/gm;

function parseStat(text: string): ProcessInfo[] {
  return [...text.matchAll(STAT)].flatMap((match) => {
    const [, pid, state, parent, group, session, started] = match;
    if (state === "Z" || state === "X") return [];
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(session),
      startedTicks: Number(started),
      stopped: state === "T" || state === "t",
      instance: null,
      key: null,
      vm: null,
    };
  });
}

type Markers = Partial<Pick<ProcessInfo, "instance" | "key" | "vm">>;

function parseMarkers(text: string): Map<number, Markers> {
  const markers = new Map<number, Markers>();
  for (const record of text.split("\0")) {
    const [, pid, name, value = ""] = MARKER.exec(record) ?? [];
    if (pid === undefined) continue;
    const known = markers.get(Number(pid)) ?? {};
    if (name === INSTANCE_MARKER) known.instance = value;
    else if (name === KEY_MARKER) known.key = value;
    else if (name === VM_MARKER) known.vm = value;
    markers.set(Number(pid), known);
  }
  return markers;
}

async function read(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    env: { LC_ALL: "C" },
    stdin: "null",
    signal: AbortSignal.timeout(PROCESS_TABLE_MS),
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const reason = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot list processes: ${program} failed: ${reason}`);
}
