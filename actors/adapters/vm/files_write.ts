/**
 * Writes a file in a VM, whole or not at all. What comes from a caller may break off at any byte,
 * and a pipe that breaks off looks like one that ends: so the content is followed by a token that
 * nobody can guess, and a script that has not seen it throws away what it has.
 */
import { VmFileError } from "./files_error.ts";
import { MAX_FIGURES_BYTES, MAX_WRITE_BYTES } from "./files_limits.ts";
import { type FileFigures, readFigures } from "./files_output.ts";
import { filePathParts } from "./files_path.ts";
import type { Runner } from "./files_run.ts";
import { WRITE } from "./files_scripts.ts";
import { decode } from "../executor/text_bytes.ts";

/** `create` refuses what exists. */
export type WriteMode = "create" | "replace";

export type Written = FileFigures & { created: boolean };

const encoder = new TextEncoder();

/** Writes `content` as the file at `path`. Throws what the content's stream throws, too. */
export async function writeFile(
  run: Runner,
  path: string,
  { content, mode }: { content: Uint8Array | ReadableStream<Uint8Array>; mode: WriteMode },
): Promise<Written> {
  const args = filePathParts("write", path);
  const doing = `write "${path}"`;
  const token = crypto.randomUUID();
  const source = content instanceof Uint8Array ? ReadableStream.from([content]) : content;
  let fault: unknown;
  const stdin = ended(source, { doing, token, failed: (error) => fault = error });
  try {
    const env = { TOKEN: token, MODE: mode };
    const said = await run(doing, {
      text: WRITE,
      args,
      env,
      stdin,
      maxBytes: MAX_FIGURES_BYTES,
    });
    const [done, ...figures] = decode(said).trim().split(" ");
    return { created: done === "created", ...readFigures(figures.join(" ")) };
  } catch (error) {
    // The script's failure is only what follows from it.
    throw fault ?? error;
  }
}

/** The content, bounded, and its token. It can be cancelled while its source is silent. */
function ended(
  source: ReadableStream<Uint8Array>,
  { doing, token, failed }: { doing: string; token: string; failed: (error: unknown) => void },
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let bytes = 0;
  let isCancelled = false;
  const next = async (): Promise<Uint8Array | undefined> => {
    const { done, value } = await reader.read();
    if (done) return undefined;
    bytes += value.length;
    if (bytes <= MAX_WRITE_BYTES) return value;
    const error = new VmFileError(
      "too_large",
      `Cannot ${doing}: it is larger than ${MAX_WRITE_BYTES} bytes`,
    );
    await reader.cancel(error);
    throw error;
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const piece = await next();
        if (isCancelled) return;
        controller.enqueue(piece ?? encoder.encode(token));
        if (piece === undefined) controller.close();
      } catch (error) {
        if (isCancelled) return;
        // A pipe that ends without the token is enough for the script; the caller is told why.
        failed(error);
        controller.close();
      }
    },
    cancel(reason) {
      isCancelled = true;
      return reader.cancel(reason);
    },
  });
}
