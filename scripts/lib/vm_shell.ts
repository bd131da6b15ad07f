/**
 * `deno task vm shell`: a terminal in a VM, as if one sat before it. When the connection breaks
 * off it comes back to the same terminal, where everything went on.
 */
import { z } from "zod";
import { UsageError } from "./args.ts";
import { GIVE_UP_MS, isAway, pause, RETRY_MS } from "./away.ts";
import type { Client } from "./client.ts";
import { connect, CONNECTION } from "./connect.ts";
import { EXIT, ExitError } from "./exit_codes.ts";
import { createOutput } from "./output.ts";
import { subcommand } from "./subcommands.ts";
import { signalCode, TASK_CODES } from "./task_exit_code.ts";
import { Vm } from "./vm_answers.ts";
import { resolveVmId, VM_CODES, VM_ID, vmPath } from "./vm_command.ts";
import { CLEAR, isInteractive, type LocalTerminal, localTerminal } from "./vm_local_terminal.ts";
import { attachTerminal, type TerminalConnection, type TerminalEnd } from "./vm_terminal.ts";

const DETACH_KEY = "ctrl-]";

const SPEC = {
  name: "vm shell",
  summary: "Opens a shell in a VM; one that sleeps is woken.\n" +
    `${DETACH_KEY} leaves the shell to itself: what runs in it goes on, and --terminal comes back.`,
  positionals: [VM_ID],
  options: {
    terminal: { type: "string", value: "ID", help: "Come back to this one, or look at it too" },
    "detach-key": {
      type: "string",
      value: "KEY",
      help: `ctrl- and a letter or one of @[\\]^_, or none (${DETACH_KEY})`,
    },
    ...CONNECTION,
  },
  exitCodes: { ...VM_CODES, "1…255": TASK_CODES["1…255"] },
  examples: ["deno task vm shell V1St", "deno task vm shell V1St --terminal terminal_8dBz"],
} as const;

const Terminals = z.looseObject({ items: z.array(z.looseObject({ id: z.string() })) });

export const shellCommand = subcommand(SPEC, async ({ options, positionals: [text = ""] }) => {
  const detachKey = parseKey(options["detach-key"] ?? DETACH_KEY);
  if (!isInteractive()) {
    throw new UsageError(
      "Cannot open a shell: this is no terminal; for programs there is deno task vm exec",
    );
  }
  const client = connect(options);
  const output = createOutput(options);
  const id = await resolveVmId(client, text);
  const { state } = await client.get(vmPath(id), { schema: Vm });
  if (state !== "running") output.progress(`${id} is ${state} …`);
  const terminal = options.terminal && await findTerminal(client, id, options.terminal);
  const shell = new Shell(client, id, { terminal, detachKey });
  const end = await shell.run(() => output.progress(""));
  if (end.type === "exited") {
    return end.signal === null ? end.exitCode ?? EXIT.failed : signalCode(end.signal);
  }
  if (end.type === "gone") throw new ExitError(EXIT.failed, `Terminal closed: ${end.reason}`);
  output.note(
    `\nLeft ${end.terminal}; come back with "deno task vm shell ${id} --terminal ${end.terminal}"`,
  );
  return EXIT.ok;
});

/** The only terminal whose id begins so; `terminal_` may be left out. */
async function findTerminal(client: Client, vmId: string, text: string): Promise<string> {
  const { items } = await client.get(vmPath(vmId, "/terminals"), { schema: Terminals });
  const ids = items.map(({ id }) => id);
  const found = ids.filter((id) => [text, `terminal_${text}`].some((part) => id.startsWith(part)));
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  const there = ids.length === 0 ? "there is none" : `there are ${ids.join(", ")}`;
  throw new ExitError(
    only === undefined ? EXIT.notFound : EXIT.usage,
    `Cannot tell which terminal "${text}" of vm "${vmId}" is: ${there}`,
  );
}

type ShellEnd = Exclude<TerminalEnd, { type: "lost" }> | { type: "left"; terminal: string };

class Shell {
  readonly #client: Client;
  readonly #vmId: string;
  readonly #detachKey: number | null;
  readonly #left = Promise.withResolvers<ShellEnd>();
  readonly #local: LocalTerminal;
  #terminal: string | undefined;
  #connection: TerminalConnection | undefined;

  constructor(
    client: Client,
    vmId: string,
    { terminal, detachKey }: { terminal: string | undefined; detachKey: number | null },
  ) {
    this.#client = client;
    this.#vmId = vmId;
    this.#terminal = terminal;
    this.#detachKey = detachKey;
    this.#local = localTerminal({
      onInput: (data) => this.#type(data),
      onResize: (size) => this.#connection?.resize(size),
      onEnd: () => this.#leave(),
    });
  }

  /** Until the shell has ended or is left. `begun` is called when it is there. */
  async run(begun: () => void): Promise<ShellEnd> {
    try {
      return await Promise.race([this.#stay(begun), this.#left.promise]);
    } finally {
      this.#local.giveBack();
    }
  }

  /** Comes back whenever the connection breaks off. */
  async #stay(begun: () => void): Promise<ShellEnd> {
    let lostAt: number | undefined;
    let hasStood = false;
    while (true) {
      const end = await this.#look(() => {
        if (hasStood) this.#say(CLEAR);
        else begun();
        this.#local.takeOver();
        hasStood = true;
        lostAt = undefined;
      });
      if (end.type !== "lost") return end;
      if (!hasStood) throw await this.#refusal(end.reason);
      if (lostAt === undefined) this.#say(`\r\n[${end.reason}; coming back …]\r\n`);
      lostAt ??= performance.now();
      if (performance.now() - lostAt > GIVE_UP_MS) return { type: "gone", reason: end.reason };
      await pause(RETRY_MS);
      const reason = await this.#whyGone();
      if (reason !== undefined) return { type: "gone", reason };
    }
  }

  /** One connection, from its beginning to its end. */
  async #look(ready: () => void): Promise<TerminalEnd> {
    const query = { terminal: this.#terminal, ...this.#local.size() };
    const socket = this.#client.socket(vmPath(this.#vmId, "/terminal"), query);
    this.#connection = attachTerminal(socket, {
      onReady: (terminal) => {
        this.#terminal = terminal;
        ready();
      },
      onOutput: (data) => this.#local.show(data),
      onError: (message) => this.#say(`\r\n[${message}]\r\n`),
    });
    return await this.#connection.ended;
  }

  /** A WebSocket does not say why it was refused; the VM does, or its list of terminals. */
  async #refusal(reason: string): Promise<ExitError> {
    const { state, error } = await this.#client.get(vmPath(this.#vmId), { schema: Vm });
    const action = `Cannot open a terminal in vm "${this.#vmId}"`;
    const why = await this.#whyGone() ?? error?.message ?? reason;
    return new ExitError(EXIT.failed, `${action}: state is "${state}" (${why})`);
  }

  /** Why there is no terminal to come back to; undefined where there is, or nobody can tell yet. */
  async #whyGone(): Promise<string | undefined> {
    try {
      const path = vmPath(this.#vmId, "/terminals");
      const { items } = await this.#client.get(path, { schema: Terminals });
      if (this.#terminal === undefined || items.some(({ id }) => id === this.#terminal)) return;
      return `there is no terminal "${this.#terminal}" any more`;
    } catch (error) {
      if (!isAway(error)) throw error;
      return undefined;
    }
  }

  #type(data: Uint8Array<ArrayBuffer>): void {
    const end = this.#detachKey === null ? -1 : data.indexOf(this.#detachKey);
    this.#connection?.input(end < 0 ? data : data.subarray(0, end));
    if (end >= 0) this.#leave();
  }

  #leave(): void {
    this.#left.resolve({ type: "left", terminal: this.#terminal ?? "" });
    this.#connection?.leave();
  }

  #say(text: string): void {
    this.#local.show(new TextEncoder().encode(text));
  }
}

/** The byte that a key sends; null for none. Throws `UsageError`. */
export function parseKey(text: string): number | null {
  if (text === "none") return null;
  const [, key] = /^ctrl-([a-z@[\\\]^_])$/i.exec(text) ?? [];
  if (key !== undefined) return key.toUpperCase().charCodeAt(0) - "@".charCodeAt(0);
  throw new UsageError(`Cannot use --detach-key "${text}": want a key such as ctrl-q, or none`);
}
