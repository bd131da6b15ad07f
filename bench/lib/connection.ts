/**
 * A client that costs little, so that what is measured is the server: one connection that stays
 * open, one request at a time, answers with a Content-Length. Not a client for anything else.
 */
const BUFFER_BYTES = 64 * 1024;

export class Connection {
  #socket: Deno.TcpConn;
  #host: string;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #encoder = new TextEncoder();
  #decoder = new TextDecoder();

  private constructor(socket: Deno.TcpConn, host: string) {
    this.#socket = socket;
    this.#host = host;
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port, host } = new URL(url);
    const socket = await Deno.connect({ hostname, port: Number(port) });
    socket.setNoDelay(true);
    return new Connection(socket, host);
  }

  /** Posts JSON and returns the body of the answer. Throws where the status is not 200. */
  async post(path: string, body: string): Promise<string> {
    const request = `POST ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const bytes = this.#encoder.encode(request);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#socket.write(bytes.subarray(sent));
    }
    const { head, rest } = await this.#answer();
    if (!head.startsWith("HTTP/1.1 200")) throw new Error(`Cannot post to ${path}: ${head}${rest}`);
    return rest;
  }

  close(): void {
    this.#socket.close();
  }

  async #answer(): Promise<{ head: string; rest: string }> {
    let text = "";
    while (true) {
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        const head = text.slice(0, end);
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
        const rest = text.slice(end + 4);
        if (!(rest.length < length)) return { head, rest };
      }
      const count = await this.#socket.read(this.#buffer);
      if (count === null) throw new Error("Cannot read the answer: the server has hung up");
      text += this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
    }
  }
}
