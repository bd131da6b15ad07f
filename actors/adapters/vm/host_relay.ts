/**
 * A connection to a port that only a program of the host can reach, because the port is in a
 * network of its own or because the server itself may connect to nothing: a child process whose
 * standard input and output are the connection.
 */
import { hostPath } from "./host_script.ts";
import { startOnHost } from "./host_exec.ts";
import { greeted } from "./host_greeting.ts";
import { ProviderError, type VmConnection } from "./provider.ts";

/**
 * The command that connects, by bash alone. It says a line when it is connected, and ends with all
 * it started as soon as either side does. A provider puts before it what leads to the VM's network.
 */
export function relayCommand(port: number, address = "127.0.0.1"): string[] {
  return ["bash", "-c", RELAY, "relay", address, String(port)];
}

/** The exit code that means that nothing listens. */
const REFUSED = 69;

const RELAY = `
{ command exec 3<>"/dev/tcp/$1/$2"; } || exit ${REFUSED}
echo
{ cat <&3; kill 0; } &
cat >&3
kill 0`;

/**
 * Opens a connection by `argv`, which ends in a `relayCommand`. The signal ends the opening; an
 * open connection ends when either side closes it: there is no closing of one direction alone.
 * Throws `ProviderError`: `port_closed` or `failed`.
 */
export async function openRelay(
  argv: readonly string[],
  signal: AbortSignal,
): Promise<VmConnection> {
  signal.throwIfAborted();
  const group = startOnHost({
    // By a shell, which is all that a server with a list of programs may start for itself.
    argv: ["sh", "-c", 'exec "$@"', "sh", ...argv],
    env: { PATH: hostPath(), LC_ALL: "C" },
  }, { stdin: "piped" });
  const { output, input, end } = await greeted(group, signal, {
    explain: ({ exitCode, signal }, complaint) =>
      exitCode === REFUSED
        ? new ProviderError("port_closed", "Cannot connect: nothing listens on that port")
        : new ProviderError(
          "failed",
          `Cannot connect: ${complaint || `it ended with ${exitCode ?? signal}`}`,
        ),
  });
  return {
    readable: output,
    writable: input,
    async close() {
      await end();
    },
  };
}
