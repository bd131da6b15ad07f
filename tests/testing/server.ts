/**
 * A real server for tests: started as `deno task start` does, with its real permissions, on a free
 * port and a data directory of its own. It can be killed at any moment and started again on the
 * same data. Use it with `await using`, so that neither process nor directory is left behind.
 */
import { fileURLToPath } from "node:url";
import { type Lines, readLines } from "./lines.ts";

/** Longest time from start to the banner. */
const READY_MS = 60_000;
/** Longest time that a server may take to stop in the end, before it is killed. */
const STOP_MS = 20_000;
/** Log lines shown when the server did not start. */
const SHOWN_LOG_LINES = 20;

const ROOT = fileURLToPath(import.meta.resolve("../../"));

export type ServerOptions = {
  /** Data directory; by default a temporary one, removed in the end. */
  home?: string;
  /** Laid over an environment without any setting of Holdfast. */
  env?: { readonly [name: string]: string };
  /** Further arguments for `scripts/start.ts`. */
  args?: readonly string[];
};

/** What the server said when it was ready; see `scripts/lib/banner.ts`. */
export type ServerBanner = { listening: string; pid: number; [field: string]: unknown };

/** Ending of the launcher, and with it of the server. */
export type Ended = { code: number; signal: string | null };

type Running = {
  launcher: Deno.ChildProcess;
  banner: ServerBanner;
  ended: Promise<Ended>;
};

/** Starts a server and waits until it is ready. Throws with its log where it does not start. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const home = options.home ?? await Deno.makeTempDir({ prefix: "holdfast_test_" });
  const server = new TestServer(home, options);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs `scripts/start.ts` to its end, for starts that are to fail. */
export async function runServer(
  options: ServerOptions & { home: string },
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await command(options.home, options).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

type Waiter = {
  fits: (line: string) => boolean;
  found: (line: string) => void;
  lost: (error: Error) => void;
};

export class TestServer implements AsyncDisposable {
  /** All log lines so far, of every start. */
  readonly log: string[] = [];
  readonly #options: ServerOptions;
  readonly #waiting = new Set<Waiter>();
  #running: Running | undefined;
  #hasEnded = false;

  constructor(readonly home: string, options: ServerOptions) {
    this.#options = options;
  }

  /** Where it listens: `http://127.0.0.1:PORT`. Another port after each start. */
  get url(): string {
    return this.banner.listening;
  }

  get banner(): ServerBanner {
    if (this.#running === undefined) throw new Error("Cannot ask the server: it is not running");
    return this.#running.banner;
  }

  /** Starts it again on the same data. */
  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error("Cannot start the server: it is running");
    const launcher = command(this.home, this.#options).spawn();
    const logged = this.#collect(readLines(launcher.stderr));
    const stdout = readLines(launcher.stdout);
    const banner = await this.#ready(launcher, stdout);
    const drained = Promise.all([logged, stdout.rest()]);
    this.#hasEnded = false;
    const ended = launcher.status.then(async ({ code, signal }) => {
      this.#hasEnded = true;
      await drained;
      return { code, signal };
    });
    if (banner !== undefined) {
      this.#running = { launcher, banner, ended };
      return;
    }
    await this.#fail("Cannot start the server", ended);
  }

  /** Calls the API. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(new URL(path, this.url), init);
  }

  /** Sends a signal to the launcher, as a terminal or a service manager would; see `ended`. */
  signal(signal: Deno.Signal): void {
    this.#running?.launcher.kill(signal);
  }

  /** Resolves when launcher and server are gone, and their output is read. */
  async ended(): Promise<Ended> {
    if (this.#running === undefined) throw new Error("Cannot wait: the server is not running");
    const ended = await this.#running.ended;
    this.#running = undefined;
    return ended;
  }

  /** Ends it as kindly as it can be ended. */
  async stop(): Promise<Ended> {
    this.signal("SIGTERM");
    return await this.ended();
  }

  /** Kills the server itself with SIGKILL, and waits until nothing is left. */
  async kill(): Promise<Ended> {
    Deno.kill(this.banner.pid, "SIGKILL");
    return await this.ended();
  }

  /** Waits until a log line fits; one that came before counts. Throws when the log ends. */
  async logged(fits: (line: string) => boolean): Promise<string> {
    const known = this.log.find(fits);
    if (known !== undefined) return known;
    return await new Promise((found, lost) => this.#waiting.add({ fits, found, lost }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running !== undefined) {
      if (this.#hasEnded) await this.#fail("Cannot stop the server", this.#running.ended);
      // Kindly at first, so that its tasks end too. A killed launcher takes the server along.
      const timer = setTimeout(() => this.signal("SIGKILL"), STOP_MS);
      await this.stop();
      clearTimeout(timer);
    }
    if (this.#options.home === undefined) await Deno.remove(this.home, { recursive: true });
  }

  async #fail(action: string, ended: Promise<Ended>): Promise<never> {
    const { code } = await ended;
    const log = this.log.slice(-SHOWN_LOG_LINES).join("\n");
    throw new Error(`${action}: it ended with code ${code}\n${log}`);
  }

  /** The banner, or undefined where the process ended without one. */
  async #ready(launcher: Deno.ChildProcess, stdout: Lines): Promise<ServerBanner | undefined> {
    const timer = setTimeout(() => launcher.kill("SIGKILL"), READY_MS);
    const line = await stdout.next();
    clearTimeout(timer);
    return line === undefined ? undefined : JSON.parse(line);
  }

  async #collect(lines: Lines): Promise<void> {
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      this.log.push(line);
      for (const waiter of this.#waiting) {
        if (!waiter.fits(line)) continue;
        this.#waiting.delete(waiter);
        waiter.found(line);
      }
    }
    for (const { lost } of this.#waiting) lost(new Error("Cannot find the line: the log ended"));
    this.#waiting.clear();
  }
}

function command(home: string, { env, args = [] }: ServerOptions): Deno.Command {
  const inherited = Object.entries(Deno.env.toObject())
    .filter(([name]) => !name.startsWith("HOLDFAST_"));
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "-P=launcher",
      "scripts/start.ts",
      "--with-parent",
      ...args,
    ],
    cwd: ROOT,
    clearEnv: true,
    env: {
      ...Object.fromEntries(inherited),
      HOLDFAST_LISTEN: "127.0.0.1:0",
      HOLDFAST_HOME: home,
      HOLDFAST_LOG_FORMAT: "json",
      HOLDFAST_DRAIN_MS: "0",
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}
