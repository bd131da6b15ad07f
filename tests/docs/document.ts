/**
 * A page of the docs that is carried out as a reader would, in a copy of the checkout. What a
 * fenced block is for is said behind its language, where no reader sees it:
 *
 * - `ts PATH`: the whole file.
 * - `diff`: changes to files that are there.
 * - `sh`: commands, each of which must succeed; with `fails`, the last must not.
 * - `sh server`: the command that starts the server; it runs until the next of these, or until a
 *   block that says `stopped`.
 *
 * Other blocks are only to be read.
 */
import { assert, assertEquals } from "@std/assert";
import { delimiter, dirname, join } from "node:path";
import { eventually } from "../testing/processes.ts";
import { freePort } from "../testing/run_task.ts";

/** The address that the docs name. */
const WRITTEN_ADDRESS = "127.0.0.1:7717";
/** Longest time until a server is ready. */
const READY_MS = 120_000;

export type Block = { language: string; words: string[]; text: string };

/** The fenced blocks of a page, in order. */
export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\S+)(.*)\n([^]*?)^```$/gm)].map(
    ([, language = "", words = "", text = ""]) => ({
      language,
      words: words.split(" ").filter((word) => word !== ""),
      text,
    }),
  );
}

/** Those of the programs that this machine lacks; a page that uses one cannot be carried out. */
export function missingOf(programs: readonly string[]): string[] {
  return programs.filter((program) => !isThere(program));
}

/** Where a page is carried out: a checkout and a data directory of its own. */
export class Reader implements AsyncDisposable {
  /** Where its server listens. */
  readonly address = `127.0.0.1:${freePort()}`;
  readonly #checkout: string;
  readonly #home: string;
  #server: Deno.ChildProcess | undefined;

  private constructor(checkout: string, home: string) {
    this.#checkout = checkout;
    this.#home = home;
  }

  static async at(checkout: string): Promise<Reader> {
    return new Reader(checkout, await Deno.makeTempDir({ prefix: "holdfast_test_" }));
  }

  async follow({ language, words, text }: Block): Promise<void> {
    if (language === "ts" && words[0] !== undefined) return await this.#write(words[0], text);
    if (language === "diff") return await this.#run("git apply --recount -", { input: text });
    if (language !== "sh") return;
    if (words.includes("server")) return await this.#start(text);
    if (words.includes("stopped")) await this.#stop();
    await this.#run(text, { fails: words.includes("fails") });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await Deno.remove(this.#home, { recursive: true });
  }

  async #write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.#checkout, path), text);
  }

  async #run(script: string, { input = "", fails = false } = {}): Promise<void> {
    const child = this.#command("sh", ["-eu", "-c", this.#addressed(script)], "piped").spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    const { success, stdout, stderr } = await child.output();
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
    assertEquals(success, !fails, `${script}\n${said}`);
  }

  async #start(commandLine: string): Promise<void> {
    await this.#stop();
    const [program = "", ...args] = commandLine.trim().split(" ");
    this.#server = this.#command(program, args, "null").spawn();
    let isGone = false;
    this.#server.status.then(() => isGone = true);
    const late = performance.now() + READY_MS;
    await eventually(async () => {
      assert(!isGone && performance.now() < late, `the server does not get ready`);
      return await isReady(this.address);
    });
  }

  async #stop(): Promise<void> {
    if (this.#server === undefined) return;
    this.#server.kill("SIGTERM");
    await this.#server.output();
    this.#server = undefined;
  }

  #command(program: string, args: string[], stdin: "piped" | "null"): Deno.Command {
    const inherited = Object.entries(Deno.env.toObject())
      .filter(([name]) => !name.startsWith("HOLDFAST_"));
    const { PATH = "", ...others } = Object.fromEntries(inherited);
    return new Deno.Command(program, {
      args,
      cwd: this.#checkout,
      clearEnv: true,
      env: {
        ...others,
        // A Deno that npx has brought is on nobody's path.
        PATH: [dirname(Deno.execPath()), PATH].join(delimiter),
        // The copy may lie inside of another checkout.
        GIT_CEILING_DIRECTORIES: dirname(this.#checkout),
        HOLDFAST_HOME: this.#home,
        HOLDFAST_LISTEN: this.address,
        NO_COLOR: "1",
      },
      stdin,
      stdout: "piped",
      stderr: "piped",
    });
  }

  #addressed(text: string): string {
    return text.replaceAll(WRITTEN_ADDRESS, this.address);
  }
}

async function isReady(address: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${address}/readyz`);
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

function isThere(program: string): boolean {
  try {
    new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
