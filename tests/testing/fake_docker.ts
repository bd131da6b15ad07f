/**
 * A Docker daemon for tests that has one container and does as it should, but for what a test has
 * it do instead: lie, hang, fail or cut the connection. Real sockets, no containers.
 */
const MAX_REQUEST_BYTES = 1 << 20;

export type FakeRequest = {
  method: string;
  /** Without the version: `/containers/json`. */
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
};

/** What is done with a request: an answer, or anything with its connection. */
export type FakeAnswer =
  | { status: number; body?: unknown; text?: string; headers?: Record<string, string> }
  | ((connection: Deno.UnixConn) => Promise<void>);

export type FakeDocker = AsyncDisposable & {
  socket: string;
  requests: FakeRequest[];
  /** Resolves when that has been asked for: `POST /containers/c1/start`. */
  asked(what: string): Promise<void>;
};

/** Starts it. `answer` may leave a request to what a good daemon does. */
export async function startFakeDocker(
  answer: (request: FakeRequest) => FakeAnswer | undefined = () => undefined,
): Promise<FakeDocker> {
  const directory = await Deno.makeTempDir();
  const socket = `${directory}/docker.sock`;
  const listener = Deno.listen({ transport: "unix", path: socket });
  const requests: FakeRequest[] = [];
  const waiting: { what: string; resolve: () => void }[] = [];
  const good = goodDaemon();
  const connections = new Set<Promise<void>>();
  const is = ({ method, path }: FakeRequest, what: string) => `${method} ${path}` === what;
  const serve = async (connection: Deno.UnixConn) => {
    using _ = connection;
    const request = await readRequest(connection);
    if (request === undefined) return;
    requests.push(request);
    for (const { what, resolve } of waiting) if (is(request, what)) resolve();
    const chosen = answer(request) ?? good(request);
    if (typeof chosen === "function") await chosen(connection);
    else await write(connection, answerText(chosen));
  };
  const accept = async () => {
    for await (const connection of listener) {
      const served = serve(connection).catch((error) => {
        // The client may go at any time; that is what many tests are about.
        const { BrokenPipe, ConnectionReset } = Deno.errors;
        if (!(error instanceof BrokenPipe || error instanceof ConnectionReset)) throw error;
      });
      connections.add(served);
    }
  };
  const accepting = accept();
  return {
    socket,
    requests,
    asked: (what) =>
      new Promise((resolve) => {
        if (requests.some((request) => is(request, what))) resolve();
        waiting.push({ what, resolve });
      }),
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(connections);
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** Never answers; ends when the client goes. */
export async function hang(connection: Deno.UnixConn): Promise<void> {
  while (await connection.read(new Uint8Array(1024)) !== null);
}

/** Upgrades, and then does what an exec would. */
export function upgraded(
  run: (connection: Deno.UnixConn) => Promise<void>,
): (connection: Deno.UnixConn) => Promise<void> {
  return async (connection) => {
    await write(connection, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    await run(connection);
  };
}

/** A frame of an exec's output. */
export function frame(stream: number, text: string): Uint8Array {
  const data = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + data.length);
  bytes[0] = stream;
  new DataView(bytes.buffer).setUint32(4, data.length);
  bytes.set(data, 8);
  return bytes;
}

/** The marker that an exec was made with. */
export function markerOf({ body }: FakeRequest): string {
  const env = Array.isArray(body.Env) ? body.Env.map(String) : [];
  return env.find((each) => each.startsWith("HOLDFAST_EXEC="))?.slice(14) ?? "";
}

export async function write(connection: Deno.UnixConn, data: string | Uint8Array): Promise<void> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** One container, `c1`, whose commands all end at once. */
function goodDaemon(): (request: FakeRequest) => FakeAnswer {
  let container: { body: Record<string, unknown>; status: string } | undefined;
  let marker = "";
  return (request) => {
    const { method, path, body } = request;
    const at = `${method} ${path}`;
    if (path === "/_ping") return { status: 200, headers: { "Api-Version": "1.43" } };
    if (path === "/info") return { status: 200, body: { MemoryLimit: true, PidsLimit: true } };
    if (path === "/version") return { status: 200, body: { Version: "1.2.3" } };
    if (path.startsWith("/images/")) return { status: 200, body: {} };
    if (at === "POST /containers/create") {
      if (container !== undefined) return { status: 409, body: { message: "name in use" } };
      container = { body, status: "created" };
      return { status: 201, body: { Id: "c1" } };
    }
    if (path === "/containers/json") {
      const { Labels = {} } = container?.body ?? {};
      const State = container?.status;
      return { status: 200, body: container === undefined ? [] : [{ Id: "c1", State, Labels }] };
    }
    if (/^\/exec\/.+\/start$/.test(path)) {
      return upgraded((connection) => write(connection, marker && frame(2, `${marker}o`)));
    }
    if (/^\/exec\/.+\/json$/.test(path)) {
      return { status: 200, body: { Running: false, ExitCode: 0 } };
    }
    if (container === undefined) return { status: 404, body: { message: "no such container" } };
    if (path.endsWith("/exec")) {
      marker = markerOf(request);
      return { status: 201, body: { Id: marker === "" ? "script" : "e1" } };
    }
    if (path.endsWith("/start")) container.status = "running";
    if (method === "DELETE") container = undefined;
    if (method !== "GET") return { status: 204 };
    const Running = container?.status === "running";
    return {
      status: 200,
      body: { Id: "c1", State: { Status: container?.status, Running }, Config: container?.body },
    };
  };
}

async function readRequest(connection: Deno.UnixConn): Promise<FakeRequest | undefined> {
  let text = "";
  const buffer = new Uint8Array(64 * 1024);
  while (text.length < MAX_REQUEST_BYTES) {
    const end = text.indexOf("\r\n\r\n");
    const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
    if (end >= 0 && text.length >= end + 4 + length) {
      const [, method = "", target = ""] = /^(\w+) (\S+)/.exec(text) ?? [];
      const url = new URL(target, "http://docker");
      const path = decodeURIComponent(url.pathname.replace(/^\/v1\.\d+/, ""));
      const content = text.slice(end + 4);
      return { method, path, query: url.searchParams, body: content && JSON.parse(content) || {} };
    }
    const count = await connection.read(buffer);
    if (count === null) return undefined;
    text += new TextDecoder("latin1").decode(buffer.subarray(0, count));
  }
  throw new RangeError("Cannot read the request: it is too long");
}

function answerText(
  { status, body, text, headers = {} }: Exclude<FakeAnswer, (...args: never[]) => unknown>,
): string {
  const content = text ?? (body === undefined ? "" : JSON.stringify(body));
  const length = new TextEncoder().encode(content).length;
  const fields = { ...headers, "Content-Length": `${length}`, Connection: "close" };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join("")}\r\n${content}`;
}
