/**
 * Ports in a VM: which are listened on, as the kernel lists them there, and connections to them,
 * which run over the input and output of a small program in the container. So they work in a VM
 * without a network, and with a daemon on the other side of a socket.
 */
import { type Command, type Daemon, startCommand } from "./docker_command.ts";
import { GREET } from "./docker_greeting.ts";
import { runScript } from "./docker_session.ts";
import { ProviderError, type VmConnection, type VmHandle, type VmPort } from "./provider.ts";

/** The ports that something in the VM listens on. */
export async function listPorts(
  { api }: Daemon,
  vm: VmHandle,
  asked: { action: string; signal: AbortSignal },
): Promise<VmPort[]> {
  return parseListening(await runScript(api, { container: vm.providerId, ...asked }, READ_SOCKETS));
}

/**
 * The listening sockets in the text of `/proc/net/tcp` and `/proc/net/tcp6`, by port; of one that
 * is listened on at several addresses the widest.
 */
export function parseListening(text: string): VmPort[] {
  const ports = new Map<number, VmPort>();
  for (const line of text.split("\n")) {
    const match = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:0000 0A /.exec(line);
    if (match === null) continue;
    const [, address = "", port = ""] = match;
    const found = { port: Number.parseInt(port, 16), address: addressOf(address), process: null };
    const known = ports.get(found.port);
    if (known === undefined || isAny(found.address)) ports.set(found.port, found);
  }
  return [...ports.values()].sort((left, right) => left.port - right.port);
}

/** Connects to a port on the VM's own loopback. Throws `port_closed` where nothing listens. */
export async function openPort(
  daemon: Daemon,
  vm: VmHandle,
  { port, signal, warn }: {
    port: number;
    signal: AbortSignal;
    warn: (message: string, fields: Record<string, string>) => void;
  },
): Promise<VmConnection> {
  const action = `connect to port ${port} of vm "${vm.vmId}"`;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ProviderError("invalid", `Cannot ${action}: there is no such port`);
  }
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const command = await startCommand(daemon, vm, {
    wrapper: [RELAY, hex, `${port}`],
    stdin: true,
    action,
    signal,
  });
  if (command.greeting === "ok") return connectionOf(command, vm, { warn });
  command.release();
  if (command.greeting === "port_closed") {
    throw new ProviderError("port_closed", `Cannot ${action}: nothing listens there`);
  }
  throw new ProviderError(
    "failed",
    `Cannot ${action}: the image has none of nc, socat and bash to do it: install one of them`,
  );
}

function connectionOf(
  command: Command,
  { vmId }: VmHandle,
  { warn }: { warn: (message: string, fields: Record<string, string>) => void },
): VmConnection {
  const pieces = command.output();
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    try {
      await command.end({ signal: "TERM", graceMs: 0, ended: Promise.resolve() });
    } catch (error) {
      warn("Cannot close a connection", { vmId, reason: String(error) });
    }
  };
  const readable = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
          // What the relay says of itself is not the port's.
          if (next.value.stream === "stdout") return controller.enqueue(next.value.data.slice());
        }
        closed = true;
        command.release();
        controller.close();
      } catch (error) {
        if (closed) return controller.close();
        await close();
        controller.error(error);
      }
    },
    cancel: close,
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    write: (data) => command.write(data),
    close: async () => closed ? undefined : await command.closeInput(),
    abort: close,
  });
  return { readable, writable, close };
}

function isAny(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** The kernel prints each word of an address as a number, the lowest byte first. */
function addressOf(hex: string): string {
  const bytes = [...hex.matchAll(/(..)(..)(..)(..)/g)]
    .flatMap(([, a = "", b = "", c = "", d = ""]) => [d, c, b, a])
    .map((byte) => Number.parseInt(byte, 16));
  if (bytes.length === 4) return bytes.join(".");
  const isMapped = bytes.slice(0, 12).join() === "0,0,0,0,0,0,0,0,0,0,255,255";
  if (isMapped) return bytes.slice(12).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => {
    const [high = 0, low = 0] = bytes.slice(index * 2, index * 2 + 2);
    return (high * 256 + low).toString(16);
  });
  // A URL writes it the short way.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

const READ_SOCKETS = `
for file in /proc/net/tcp /proc/net/tcp6; do
  [ -r "$file" ] || continue
  while IFS= read -r line; do
    case $line in *' 0A '*) printf '%s\\n' "$line" ;; esac
  done <"$file"
done
`;

/**
 * $1 the port in hexadecimal, $2 in decimal. Looks who listens first, so that a closed port is
 * told from a relay that failed; then becomes the relay.
 */
const RELAY = `${GREET}
address=
find_listener() {
  [ -r "$1" ] || return
  while read -r number local remote state rest; do
    [ "$state" = 0A ] || continue
    case $local in
      00000000:"$2"|0100007F:"$2"|0000000000000000FFFF0000*:"$2") address=127.0.0.1 ;;
      00000000000000000000000001000000:"$2") [ -n "$address" ] || address=::1 ;;
      00000000000000000000000000000000:"$2")
        [ -n "$address" ] || { [ -s /proc/net/if_inet6 ] && address=::1 || address=127.0.0.1; } ;;
    esac
  done <"$1"
}
find_listener /proc/net/tcp "$1"
find_listener /proc/net/tcp6 "$1"
[ -n "$address" ] || { greet p; exit 1; }
if command -v socat >/dev/null 2>&1; then
  greet o
  case $address in *:*) exec socat - "TCP6:[$address]:$2" ;; esac
  exec socat - "TCP4:$address:$2"
fi
if command -v nc >/dev/null 2>&1; then
  greet o
  exec nc "$address" "$2"
fi
if command -v bash >/dev/null 2>&1; then
  greet o
  exec bash -c 'exec 3<>"/dev/tcp/$1/$2" || exit 1; cat <&3 & cat >&3; wait' relay "$address" "$2"
fi
greet r
exit 1
`;
