/**
 * Runs the server process under a launcher, so that neither outlives the other by accident. The
 * launcher holds the only writing end of a pipe to the server's stdin: whatever ends the launcher,
 * SIGKILL too, closes the pipe, and the server ends at once. What the server is told comes first
 * through the same pipe, as one line of JSON; secrets so stay out of its environment.
 */
import { linksUpToNpx, watchLinks } from "./npx.ts";

/** How often to look whether the launcher's own parent is still there. */
const PARENT_CHECK_MS = 500;
/**
 * Two SIGINTs closer than this are one key press: a terminal sends it to every process of the
 * group, and `deno task` passes on the one that it got.
 */
const ONE_PRESS_MS = 300;

const PASSED_ON: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export type LaunchOptions = {
  args: readonly string[];
  /** Laid over the launcher's environment. */
  env: { readonly [name: string]: string };
  /** What the server reads first from its stdin. */
  handOver: unknown;
  /** Stop the server when the process that started the launcher ends. */
  withParent: boolean;
  /** Stop it when `npx`, by which this one was started, ends. */
  withNpx?: boolean;
  /** Stops the server when aborted. */
  signal?: AbortSignal;
  /** SIGINTs closer than this are one key press, ms; by default 300. */
  onePressMs?: number;
};

export type Launched = {
  code: number;
  /** Whether somebody asked for the end: a signal, or the end of the launcher's parent. */
  asked: boolean;
};

/** Starts `program` and stays until it has ended. */
export async function launch(program: string, options: LaunchOptions): Promise<Launched> {
  // Asked beforehand, so that no end of npx is missed while the server starts.
  const links = options.withNpx ? await linksUpToNpx(Deno.ppid) : [];
  const server = new Deno.Command(program, {
    args: [...options.args],
    env: { ...options.env },
    stdin: "piped",
    stdout: "inherit",
    stderr: "inherit",
    // A session of its own: Ctrl-C reaches the launcher alone, which passes it on once.
    detached: true,
  }).spawn();
  let asked = false;
  const send = (signal: Deno.Signal) => {
    asked = true;
    tell(server, signal);
  };
  const stop = () => tell(server, "SIGTERM");
  const release = [passOnSignals(send, options.onePressMs ?? ONE_PRESS_MS)];
  if (options.withParent) release.push(watchParent(() => send("SIGTERM")));
  if (links.length > 0) release.push(watchLinks(links, () => send("SIGTERM")));
  options.signal?.addEventListener("abort", stop);
  const lifeline = server.stdin.getWriter();
  try {
    await handOver(lifeline, options.handOver);
    const { code } = await server.status;
    return { code, asked };
  } finally {
    options.signal?.removeEventListener("abort", stop);
    for (const letGo of release) letGo();
    await lifeline.abort();
  }
}

/** One that has ended at this moment needs no telling. */
function tell(server: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    server.kill(signal);
  } catch (error) {
    // Deno says the first where it has heard of the end, the second where it has not yet.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Passes signals on; an impatient second SIGINT kills. */
function passOnSignals(send: (signal: Deno.Signal) => void, onePressMs: number): () => void {
  let firstInterruptAt: number | undefined;
  const listeners = PASSED_ON.map((signal) => {
    const listener = () => {
      if (signal !== "SIGINT") return send(signal);
      const now = performance.now();
      if (firstInterruptAt === undefined) send("SIGINT");
      else if (now - firstInterruptAt > onePressMs) send("SIGKILL");
      firstInterruptAt ??= now;
    };
    Deno.addSignalListener(signal, listener);
    return [signal, listener] as const;
  });
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}

/** An orphan gets another parent. */
function watchParent(gone: () => void): () => void {
  const parent = Deno.ppid;
  const timer = setInterval(() => {
    if (Deno.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, PARENT_CHECK_MS);
  return () => clearInterval(timer);
}

async function handOver(writer: WritableStreamDefaultWriter<Uint8Array>, value: unknown) {
  try {
    await writer.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  } catch (error) {
    // A server that ended before it read says why by itself; its exit code is what counts.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
