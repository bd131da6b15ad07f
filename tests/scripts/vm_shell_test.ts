/**
 * `deno task vm shell` before a real terminal: `script` gives it one, and the test types and reads
 * at its other end.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { parseKey } from "../../scripts/lib/vm_shell.ts";
import { runTask } from "../testing/run_task.ts";
import { startServer, type TestServer } from "../testing/server.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));
/** A shell that reads nobody's start-up files: those may do anything, and take long over it. */
const PLAIN = { env: { SHELL: "/bin/sh" } };
/** Longest life of a terminal; one that hangs is killed, and its test fails. */
const MAX_MS = 60_000;

/** Somebody before a terminal, in whose shell a script runs. */
class Seat implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #seen = "";

  constructor(script: string, env: { readonly [name: string]: string }) {
    this.#child = new Deno.Command("script", {
      args: ["-qfec", script, "/dev/null"],
      env,
      cwd: ROOT,
      signal: AbortSignal.timeout(MAX_MS),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  get pid(): number {
    return this.#child.pid;
  }

  async type(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  /** Reads on until the screen shows it, and forgets everything up to there. */
  async sees(wanted: RegExp): Promise<string> {
    for (;;) {
      const match = wanted.exec(this.#seen);
      if (match !== null) {
        this.#seen = this.#seen.slice(match.index + match[0].length);
        return match[1] ?? match[0];
      }
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`Cannot see ${wanted}: the terminal showed ${this.#seen}`);
      this.#seen += value;
    }
  }

  /** The exit code, when everything has ended. */
  async ended(): Promise<number> {
    while (!(await this.#reader.read()).done);
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch((error: Error) => error);
    await this.ended();
  }
}

async function makeVm(server: TestServer): Promise<string> {
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  return (await runTask("vm", ["create", "-q", "--provider", "process"], { env })).stdout.trim();
}

/** Sits down at a shell in the VM and waits for its prompt. */
async function sitDown(...where: Parameters<typeof sit>): Promise<Seat> {
  const seat = sit(...where);
  await seat.sees(/[$#] /);
  return seat;
}

/** Asks for a shell in the VM. `after` is run behind it in the local terminal. */
function sit(url: string, id: string, { args = "", after = "" } = {}): Seat {
  const script = `stty rows 30 cols 100; ${Deno.execPath()} task -q vm shell ${id} ${args}`;
  return new Seat(after === "" ? script : `${script}; ${after}`, {
    HOLDFAST_LISTEN: new URL(url).host,
  });
}

Deno.test("vm shell is a terminal of the local size, and ends with the shell's exit code", async () => {
  await using server = await startServer(PLAIN);
  await using seat = await sitDown(server.url, await makeVm(server));
  await seat.type("stty size; echo $((40+2))\r");
  await seat.sees(/30 100\r\n42\r\n/);
  await seat.type("exit 7\r");
  assertEquals(await seat.ended(), 7);
});

Deno.test("vm shell passes Ctrl-C on, and a new size of the local terminal", async () => {
  await using server = await startServer(PLAIN);
  await using seat = await sitDown(server.url, await makeVm(server));
  await seat.type("sh -c 'echo be''gun; exec sleep 60'\r");
  await seat.sees(/begun\r\n/);
  await seat.type("\x03");
  await seat.type("echo $((40+3)) $$\r");
  await seat.sees(/43 \d+\r\n/);
  // A shell at its prompt tells of the signal at the next line only, which may come before it.
  await seat.type(`sh -c "trap 'stty size' WINCH; echo re''ady; while :; do sleep 0.1; done"\r`);
  await seat.sees(/ready\r\n/);
  await resize(seat, { rows: 40, columns: 120 });
  await seat.sees(/40 120/);
  await seat.type("\x03");
  await seat.type("exit\r");
});

Deno.test("vm shell leaves by its key, gives the terminal back, and comes back to the same shell", async () => {
  await using server = await startServer(PLAIN);
  const id = await makeVm(server);
  await using seat = await sitDown(server.url, id, {
    after: "echo code $?; stty -a | grep -o '.icanon'",
  });
  await seat.type("kept=$((40+2)); echo it is $kept\r");
  await seat.sees(/it is 42\r\n/);
  await seat.type("\x1d");
  const terminal = await seat.sees(/--terminal (terminal_[\w-]+)"/);
  await seat.sees(/code 0\r\n icanon/);
  await seat.ended();
  await using again = sit(server.url, id, { args: `--terminal ${terminal.slice(9, -2)}` });
  await again.sees(/it is 42\r\n/);
  await again.type("echo still $kept\r");
  await again.sees(/still 42\r\n/);
  await again.type("exit\r");
});

Deno.test("vm shell comes back to the same shell when the connection breaks off", async () => {
  await using server = await startServer(PLAIN);
  await using road = new Road(Number(new URL(server.url).port));
  await using seat = await sitDown(road.url, await makeVm(server));
  await seat.type("kept=$((40+2)); echo it is $kept\r");
  await seat.sees(/it is 42\r\n/);
  road.cut();
  await seat.sees(/coming back …/);
  await seat.sees(/it is 42\r\n/);
  await seat.type("echo still $kept\r");
  await seat.sees(/still 42\r\n/);
  await seat.type("exit 3\r");
  assertEquals(await seat.ended(), 3);
});

Deno.test("vm shell says that the shell is gone when its server was killed, and ends", async () => {
  await using server = await startServer(PLAIN);
  await using road = new Road(Number(new URL(server.url).port));
  await using seat = await sitDown(road.url, await makeVm(server), {
    after: "echo code $?; stty -a | grep -o '.icanon'",
  });
  await seat.type("echo $((40+2))\r");
  await seat.sees(/42\r\n/);
  await server.kill();
  await seat.sees(/coming back …/);
  await server.start();
  road.leadTo(Number(new URL(server.url).port));
  await seat.sees(/there is no terminal/);
  await seat.sees(/code 1\r\n icanon/);
});

Deno.test("vm shell wants a terminal, and a VM that is there", async () => {
  await using server = await startServer(PLAIN);
  const id = await makeVm(server);
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  const { code, stderr } = await runTask("vm", ["shell", id], { env });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "this is no terminal");
  await runTask("vm", ["recycle", id], { env });
  await using seat = sit(server.url, id);
  await seat.sees(/Cannot open a terminal in vm "\S+": state is "recycled"/);
  assertEquals(await seat.ended(), 1);
});

Deno.test("parseKey() reads keys with ctrl", () => {
  assertEquals(["ctrl-]", "ctrl-a", "Ctrl-Z", "ctrl-@", "none"].map(parseKey), [
    29,
    1,
    26,
    0,
    null,
  ]);
});

/** Sets the size of the terminal that a seat gives to what runs in it. */
async function resize(
  seat: Seat,
  { rows, columns }: { rows: number; columns: number },
): Promise<void> {
  const ps = await new Deno.Command("ps", {
    args: ["-o", "tty=", "--ppid", `${seat.pid}`],
  }).output();
  const tty = new TextDecoder().decode(ps.stdout).trim();
  const args = ["-F", `/dev/${tty}`, "rows", `${rows}`, "cols", `${columns}`];
  assertEquals((await new Deno.Command("stty", { args }).output()).code, 0);
}

/** A way to a server that can be cut. */
class Road implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #taken: Promise<void>;
  #port: number;

  constructor(port: number) {
    this.#port = port;
    this.#taken = this.#take();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  leadTo(port: number): void {
    this.#port = port;
  }

  /** Breaks all connections off; new ones are taken. */
  cut(): void {
    for (const conn of this.#open) hangUp(conn);
    this.#open.clear();
  }

  async #take(): Promise<void> {
    const ways: Promise<void>[] = [];
    for await (const near of this.#listener) ways.push(this.#lead(near));
    await Promise.all(ways);
  }

  async #lead(near: Deno.Conn): Promise<void> {
    this.#open.add(near);
    try {
      const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
      this.#open.add(far);
      await Promise.allSettled([
        near.readable.pipeTo(far.writable),
        far.readable.pipeTo(near.writable),
      ]);
      this.#open.delete(far);
    } catch {
      // The server is away: whoever came is sent off again.
      if (this.#open.has(near)) hangUp(near);
    }
    this.#open.delete(near);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#taken;
  }
}

/** A connection whose other side has hung up may be closed already. */
function hangUp(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
