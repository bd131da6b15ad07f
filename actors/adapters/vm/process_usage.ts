/**
 * What the processes of a VM use of the host, as /proc tells: memory, time of the CPU, and the
 * ports on which they listen. Deno gives /proc only to programs with every permission, so that a
 * shell reads it.
 */
import type { ProcessInfo } from "../executor/process_table.ts";
import { ownScript } from "./host_script.ts";
import type { VmPort, VmStats } from "./provider.ts";

/** The ports on which these processes listen, and no others of the host. */
export async function portsOf(
  processes: readonly ProcessInfo[],
  signal: AbortSignal,
): Promise<VmPort[]> {
  const text = await ownScript(READ_SOCKETS, processes.map(({ pid }) => String(pid)), {
    cannot: "Cannot list ports",
    signal,
  });
  const [sockets = "", holders = ""] = text.split("\0");
  const owners = ownersOf(holders);
  const ports = new Map<string, VmPort>();
  for (const [, address = "", port = "", inode = ""] of sockets.matchAll(LISTENING)) {
    const process = owners.get(inode);
    if (process === undefined) continue;
    const found = { port: parseInt(port, 16), address: addressOf(address), process };
    ports.set(`${found.address}/${found.port}`, found);
  }
  return [...ports.values()].sort((a, b) => a.port - b.port);
}

/** What they use now, and what the VM's files take on disk. */
export async function usageOf(
  processes: readonly ProcessInfo[],
  { root, signal }: { root: string; signal: AbortSignal },
): Promise<Pick<VmStats, "memoryBytes" | "cpuMs" | "processes" | "diskBytes">> {
  const text = await ownScript(READ_USAGE, [root, ...processes.map(({ pid }) => String(pid))], {
    cannot: "Cannot tell what the vm uses",
    signal,
  });
  const [units = "", stats = ""] = text.split("\0");
  const [pageBytes = 0, ticksPerSecond = 1, diskKiB] = units.trim().split(/\s+/).map(Number);
  let ticks = 0;
  let pages = 0;
  for (const [, ofCpu = "", ofMemory] of stats.matchAll(STAT)) {
    for (const value of ofCpu.trim().split(" ")) ticks += Number(value);
    pages += Number(ofMemory);
  }
  return {
    memoryBytes: pages * pageBytes,
    cpuMs: Math.round(ticks * 1000 / ticksPerSecond),
    processes: processes.length,
    diskBytes: diskKiB === undefined ? null : diskKiB * 1024,
  };
}

/** The sockets of the host, a NUL, then of each process its name and what sockets it holds. */
const READ_SOCKETS = `
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
printf '\\0'
for pid do
  name=; read -r name 2>/dev/null < "/proc/$pid/comm"
  printf 'process %s\\n' "$name"
  ls -l "/proc/$pid/fd" 2>/dev/null
done
exit 0`;

/** Bytes of a page, ticks of a second, KiB on disk, a NUL, then a line for each process. */
const READ_USAGE = `
root=$1; shift
getconf PAGESIZE; getconf CLK_TCK; du -sk "$root" 2>/dev/null | cut -f 1
printf '\\0'
for pid do cat "/proc/$pid/stat" 2>/dev/null; done
exit 0`;

/** State 0A is LISTEN: address, port, inode. */
const LISTENING = /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A (?:\S+ +){5}(\d+) /gm;
/** After the name: ten fields, the four times of CPU, four more and the start, memory in all. */
const STAT = /^\d+ \(.*?\) \w(?: -?\d+){10}((?: \d+){4})(?: -?\d+){6} (\d+)/gms;

/** Which process holds a socket, by the socket's inode. */
function ownersOf(listing: string): Map<string, string> {
  const owners = new Map<string, string>();
  let name = "";
  for (const line of listing.split("\n")) {
    if (line.startsWith("process ")) name = line.slice("process ".length);
    const inode = /socket:\[(\d+)\]$/.exec(line)?.[1];
    if (inode !== undefined) owners.set(inode, name);
  }
  return owners;
}

/** From the kernel's form: words of 32 bits, each in the byte order of the machine. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [
    ...Uint8Array.fromHex(word).reverse(),
  ]);
  if (bytes.length === 4) return bytes.join(".");
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  if (mapped) return bytes.slice(12).join(".");
  const groups = Array.from(
    { length: 8 },
    (_, at) => (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
