/**
 * A repository on this machine beside things that nobody may touch, and the files of a "VM" that
 * is this machine, worked with by each shell that it has.
 */
import { runOnHost } from "../../actors/adapters/vm/host_exec.ts";
import { createVmFiles, type VmFiles } from "../../actors/adapters/vm/files.ts";
import { VmFileError, type VmFileErrorCode } from "../../actors/adapters/vm/files_error.ts";
import { assertEquals, AssertionError } from "@std/assert";

export const SECRET = "nobody may see this";

/** The shells of this machine, as they are called. */
export const SHELLS: readonly (readonly string[])[] = [
  ["/bin/dash"],
  ["/bin/bash", "--posix"],
  ["/bin/busybox", "sh"],
].filter(([program = ""]) => isThere(program));

export type StageOptions = {
  shell?: readonly string[];
  signal?: AbortSignal;
  path?: string;
  /** Without the rights of whoever runs the tests. */
  unprivileged?: boolean;
  /** Done before each script runs, by one who knows its environment. */
  before?: (env: { readonly [name: string]: string }) => Promise<void>;
};

export class Stage implements AsyncDisposable {
  readonly #outside: string[];

  private constructor(readonly top: string, outside: string[]) {
    this.#outside = outside;
  }

  /** The repository. */
  get repo(): string {
    return `${this.top}/repo`;
  }

  static async make(): Promise<Stage> {
    // Without links on the way to it.
    const top = await Deno.realPath(await Deno.makeTempDir({ prefix: "vm files " }));
    await Deno.chmod(top, 0o755);
    await Deno.mkdir(`${top}/repo`);
    await Deno.mkdir(`${top}/outside/deep`, { recursive: true });
    await Deno.writeTextFile(`${top}/outside/secret`, SECRET);
    await Deno.writeTextFile(`${top}/outside/deep/secret`, SECRET);
    return new Stage(top, await lookAt(`${top}/outside`));
  }

  files(
    { shell = ["/bin/sh"], signal, path, unprivileged = false, before }: StageOptions = {},
  ): VmFiles {
    const drop = unprivileged && Deno.uid() === 0
      ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
      : [];
    return createVmFiles(async ({ command, env = {}, cwd: _, ...request }) => {
      await before?.(env);
      return await runOnHost({
        ...request,
        argv: [...drop, ...shell, ...command.slice(1)],
        env: { PATH: path ?? Deno.env.get("PATH") ?? "", HOME: this.top, ...env },
        cwd: this.top,
      }, signal ?? new AbortController().signal);
    }, this.repo);
  }

  /** Runs a command in the repository; its output. */
  async run(...argv: string[]): Promise<string> {
    const [program = "", ...args] = argv;
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      cwd: this.repo,
      env: { HOME: this.top, GIT_CONFIG_NOSYSTEM: "1" },
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`Cannot run ${argv.join(" ")}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.repo}/${name}`, text);
  }

  /** Fails where anything outside is not as it was made, or was otherwise meanwhile. */
  async assertUntouched(): Promise<void> {
    assertEquals(await lookAt(`${this.top}/outside`), this.#outside);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.top, { recursive: true });
  }
}

/** A test for each shell, on a stage of its own. */
export function testInEachShell(
  name: string,
  run: (stage: Stage, shell: readonly string[]) => Promise<void>,
): void {
  for (const shell of SHELLS) {
    Deno.test(`${name} [${shell.join(" ")}]`, async () => {
      await using stage = await Stage.make();
      await run(stage, shell);
    });
  }
}

/** The error with which a call on files must fail. */
export async function failsWith(
  code: VmFileErrorCode,
  call: Promise<unknown>,
): Promise<VmFileError> {
  try {
    const got = await call;
    throw new AssertionError(`Expected ${code}, but got ${Deno.inspect(got)}`);
  } catch (error) {
    if (!(error instanceof VmFileError)) throw error;
    assertEquals(error.code, code, error.message);
    return error;
  }
}

/**
 * Runs JavaScript in a process of its own, over and over, from its first round on until disposed:
 * `a` and `b` are what it is given.
 */
export async function overAndOver(
  body: string,
  given: { a: string; b: string },
): Promise<AsyncDisposable> {
  const code = `const { a, b } = ${JSON.stringify(given)};
    for (let round = 0;; round++) {
      try { ${body} } catch (error) {
        // Whoever is tested comes in between: what is not there, there already, or not empty.
        if (!/os error (2|17|39)/.test(error.message)) throw error;
      }
      if (round === 0) console.log("going");
    }`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--no-lock", code],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  if (done) throw new Error("Cannot run it over and over: it has ended");
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}

/** All in a directory: names, modes, times of change and content. */
async function lookAt(path: string): Promise<string[]> {
  const { mode, mtime, ctime, isDirectory } = await Deno.lstat(path);
  const content = isDirectory ? "" : await Deno.readTextFile(path);
  const seen = [`${path} ${mode} ${mtime?.getTime()} ${ctime?.getTime()} ${content}`];
  if (!isDirectory) return seen;
  const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
  for (const name of names) seen.push(...await lookAt(`${path}/${name}`));
  return seen;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
