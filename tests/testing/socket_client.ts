/** A WebSocket client that remembers what came, and waits for what a test expects. */
import { assertEquals } from "@std/assert";

/** Longest wait for what a test expects, ms. */
const WAIT_MS = 60_000;

export type Message = { [name: string]: unknown };

export class SocketClient implements AsyncDisposable {
  /** What the server's JSON messages said, in order. */
  readonly messages: Message[] = [];
  /** All binary messages as text. */
  output = "";
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #decoder = new TextDecoder();
  #changed = Promise.withResolvers<void>();
  #isClosed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") this.messages.push(JSON.parse(data));
      else this.output += this.#decoder.decode(data, { stream: true });
      this.#notify();
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => {
        this.#isClosed = true;
        resolve({ code, reason });
        this.#notify();
      };
    });
  }

  /** Throws when the handshake fails. */
  static async open(
    url: string,
    options: { headers?: Record<string, string>; protocols?: string[] } = {},
  ): Promise<SocketClient> {
    const socket = new WebSocket(url.replace(/^http/, "ws"), options);
    const client = new SocketClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = (event) => reject(new Error((event as ErrorEvent).message));
    });
    socket.onerror = (event) => event.preventDefault();
    return client;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  send(data: string | Uint8Array<ArrayBuffer> | Message): void {
    const isPlain = typeof data === "string" || data instanceof Uint8Array;
    this.#socket.send(isPlain ? data : JSON.stringify(data));
  }

  /** Types into a terminal. */
  type(data: string): void {
    this.send({ type: "input", data });
  }

  /** The first message, come or to come, that is so. */
  async message(wanted: (message: Message) => boolean): Promise<Message> {
    const found = () => this.messages.find(wanted);
    await this.#until(() => found() !== undefined);
    return found() ?? {};
  }

  /** Resolves when the output is so. */
  async shows(wanted: RegExp): Promise<void> {
    await this.#until(() => wanted.test(this.output));
  }

  async close(): Promise<{ code: number; reason: string }> {
    if (!this.#isClosed) this.#socket.close(1000);
    return await this.closed;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  async #until(done: () => boolean): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#notify();
    }, WAIT_MS);
    try {
      await this.#wait(done, () => isLate);
    } finally {
      clearTimeout(timer);
    }
  }

  async #wait(done: () => boolean, isLate: () => boolean): Promise<void> {
    while (!done()) {
      if (isLate()) {
        const output = this.output.slice(-1_000);
        assertEquals({ messages: this.messages, output }, {}, `not said in ${WAIT_MS} ms`);
      }
      if (this.#isClosed) {
        assertEquals({ messages: this.messages, output: this.output }, {}, "closed before");
      }
      await this.#changed.promise;
    }
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
