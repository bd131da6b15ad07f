/**
 * The ports on which a VM listens, from the kernel's tables of the sandbox's network, with the
 * program behind each. A VM that shares the host's network is shown its own ports only.
 */
import type { BwrapRecord } from "./bwrap_record.ts";
import { hostScript } from "./bwrap_shell.ts";
import { openRelay, relayCommand } from "./host_relay.ts";
import { ProviderError, type VmConnection, type VmPort } from "./provider.ts";

/** Listening TCP ports by number; of one that listens at several addresses the widest. */
export async function readPorts(
  { vmId, init, network }: BwrapRecord,
  signal: AbortSignal,
): Promise<VmPort[]> {
  if (init === null) return [];
  const text = await hostScript(READ, [String(init.pid)], {
    cannot: `Cannot read the ports of vm "${vmId}"`,
    signal,
  });
  const [tables = "", sockets = "", names = ""] = text.split("\0");
  const owners = ownersOf(sockets, names);
  const found = new Map<number, VmPort>();
  for (const { port, address, inode } of parseListeners(tables)) {
    const owner = owners.get(inode);
    if (owner === undefined && network === "full") continue;
    const known = found.get(port);
    if (known !== undefined && !isWider(address, known.address)) continue;
    found.set(port, { port, address, process: owner ?? null });
  }
  return [...found.values()].sort((a, b) => a.port - b.port);
}

/** Connects to a port of the VM; throws `ProviderError("port_closed")` where nothing listens. */
export async function connectTo(
  record: BwrapRecord,
  port: number,
  { asRoot, signal }: { asRoot: boolean; signal: AbortSignal },
): Promise<VmConnection> {
  const { vmId, init } = record;
  const listener = (await readPorts(record, signal)).find((each) => each.port === port);
  if (listener === undefined || init === null) {
    const reason = "nothing listens there";
    throw new ProviderError(
      "port_closed",
      `Cannot connect to port ${port} of vm "${vmId}": ${reason}`,
    );
  }
  // Only the network is entered: to what runs in the VM the relay does not exist.
  const user = asRoot ? [] : ["-U", "--preserve-credentials"];
  return await openRelay([
    ...["nsenter", "-t", String(init.pid), ...user, "-n", "--"],
    ...relayCommand(port, listener.address.includes(":") ? "::1" : "127.0.0.1"),
  ], signal);
}

/** The lines of `/proc/net/tcp` and `tcp6` whose socket listens. */
export function parseListeners(
  tables: string,
): { port: number; address: string; inode: string }[] {
  return [...tables.matchAll(LISTENER)].map(([, address = "", port = "", inode = ""]) => ({
    port: parseInt(port, 16),
    address: addressOf(address),
    inode,
  }));
}

/** `SLOT: ADDRESS:PORT REMOTE 0A …  UID TIMEOUT INODE`; `0A` is listening. */
const LISTENER =
  /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ 0A \S+ \S+ \S+ +\d+ +\d+ (\d+)/gm;

/** Words of 32 bits, each in the machine's own order. */
function addressOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).reverse());
  if (bytes.length === 4) return bytes.map((byte) => parseInt(byte, 16)).join(".");
  const groups = bytes.join("").toLowerCase().match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

function isWider(address: string, than: string): boolean {
  const isAny = (each: string) => each === "0.0.0.0" || each === "::";
  return isAny(address) && !isAny(than);
}

function ownersOf(sockets: string, names: string): Map<string, string> {
  const programs = new Map(
    [...names.matchAll(/^(\d+) (.*)$/gm)].map(([, pid = "", name = ""]) => [pid, name]),
  );
  return new Map(
    [...sockets.matchAll(/^\/proc\/(\d+)\/fd\/\d+ socket:\[(\d+)\]$/gm)].flatMap(
      ([, pid = "", inode = ""]) => [[inode, programs.get(pid) ?? ""] as const],
    ),
  );
}

/** Tables, sockets of the sandbox's processes, and their names, a NUL between them. */
const READ = `
cat "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null
printf '\\0'
space=$(readlink "/proc/$1/ns/pid" | tr -dc 0-9)
set --
for each in $(find /proc/[0-9]*/ns/pid -maxdepth 0 -lname "pid:\\[$space\\]" 2>/dev/null); do
  set -- "$@" "\${each%/ns/pid}"
done
[ $# = 0 ] || find $(printf '%s/fd ' "$@") -lname 'socket:*' -printf '%p %l\\n' 2>/dev/null
printf '\\0'
for each in "$@"; do
  { read -r name < "$each/comm"; } 2>/dev/null && echo "\${each#/proc/} $name"
done
exit 0
`;
