/** Runs a script in a VM: what it says is bounded, and its exit code becomes an error with a name. */
import { decode } from "../executor/text_bytes.ts";
import { SCRIPT_EXITS, VmFileError } from "./files_error.ts";
import { MAX_COMPLAINT_BYTES } from "./files_limits.ts";
import { PRELUDE } from "./files_scripts.ts";
import { type ExecExit, type ExecRequest, ProviderError } from "./provider.ts";

/** Runs a command in the VM, as a provider does. */
export type Exec = (request: ExecRequest) => Promise<ExecExit>;

export type Script = {
  text: string;
  args?: readonly string[];
  env?: { readonly [name: string]: string };
  stdin?: ReadableStream<Uint8Array>;
  /** Most that it may say. */
  maxBytes: number;
};

/**
 * Runs scripts in the work directory of a VM. `doing` is what an error says cannot be done. Throws
 * `VmFileError`, and what `exec` throws.
 */
export function createRunner(exec: Exec, workDir: string) {
  return async (doing: string, script: Script): Promise<Uint8Array> => {
    const stdout = createCapture(script.maxBytes);
    const stderr = createCapture(MAX_COMPLAINT_BYTES);
    const { text, args = [], env = {}, stdin } = script;
    const exit = await unlessUnsupported(
      doing,
      exec({
        command: ["sh", "-c", PRELUDE + text, "sh", workDir, ...args],
        // Names are bytes, and messages are English.
        env: { LC_ALL: "C", ...env },
        ...stdin === undefined ? {} : { stdin },
        onOutput: ({ stream, data }) => (stream === "stdout" ? stdout : stderr).take(data),
      }),
    );
    if (exit.exitCode !== 0) throw failure(doing, exit, decode(stderr.bytes()).trim());
    if (!stdout.isWhole()) {
      throw new VmFileError("failed", `Cannot ${doing}: the VM says more than was asked`);
    }
    return stdout.bytes();
  };
}

export type Runner = ReturnType<typeof createRunner>;

/** A VM without a shell is no failure of the server. */
async function unlessUnsupported(doing: string, running: Promise<ExecExit>): Promise<ExecExit> {
  try {
    return await running;
  } catch (cause) {
    if (!(cause instanceof ProviderError) || cause.code !== "command_not_found") throw cause;
    throw new VmFileError("unsupported", `Cannot ${doing}: the VM has no sh`, { cause });
  }
}

function failure(doing: string, { exitCode, signal }: ExecExit, complaint: string): VmFileError {
  const known = SCRIPT_EXITS[exitCode ?? -1];
  const why = complaint === "" ? "" : ` (${complaint})`;
  if (known !== undefined) {
    // What a shell says of the very same thing helps nobody.
    const more = known.code === "unsupported" ? why : "";
    return new VmFileError(known.code, `Cannot ${doing}: ${known.reason}${more}`);
  }
  const end = signal === null ? `exited with ${exitCode}` : `was ended by ${signal}`;
  return new VmFileError("failed", `Cannot ${doing}: sh ${end}${why}`);
}

/** Keeps the first bytes of an output, copied: pieces may be views of a buffer that is used again. */
function createCapture(maxBytes: number) {
  const pieces: Uint8Array[] = [];
  let kept = 0;
  let isWhole = true;
  return {
    take(data: Uint8Array): void {
      const piece = data.slice(0, maxBytes - kept);
      if (piece.length < data.length) isWhole = false;
      if (piece.length === 0) return;
      pieces.push(piece);
      kept += piece.length;
    },
    isWhole: () => isWhole,
    bytes(): Uint8Array {
      const all = new Uint8Array(kept);
      let at = 0;
      for (const piece of pieces) {
        all.set(piece, at);
        at += piece.length;
      }
      return all;
    },
  };
}
