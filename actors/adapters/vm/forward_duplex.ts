/**
 * A connection to a port in a VM, as Node's HTTP client and `ws` take connections: a duplex stream
 * that also answers what they ask of sockets.
 */
import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import type { VmConnection } from "./provider.ts";

/** The connection is closed when the stream is destroyed, by whichever side. */
export function duplexOf(connection: VmConnection): Socket {
  const reader = connection.readable.getReader();
  const writer = connection.writable.getWriter();
  const duplex = new Duplex({
    // A relay has no way to close one direction alone.
    allowHalfOpen: false,
    read() {
      reader.read().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: Error) => this.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      writer.write(chunk).then(() => done(), done);
    },
    destroy(error, done) {
      // Both ends are gone: whatever they still say is of no interest to anybody.
      Promise.allSettled([connection.close(), reader.cancel(), writer.abort()])
        .then(() => done(error));
    },
  });
  const same = () => duplex;
  // What is asked of a socket besides; a relay has none of it.
  return Object.assign(duplex, {
    setNoDelay: same,
    setKeepAlive: same,
    setTimeout: same,
    ref: same,
    unref: same,
  }) as unknown as Socket;
}
