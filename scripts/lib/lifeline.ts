/**
 * The server's end of the pipe that its launcher holds: first one line of JSON, then nothing until
 * the launcher is gone. See `launcher.ts`.
 */

/** Longest configuration that is taken. */
const MAX_LINE_BYTES = 64 * 1024;

export type Lifeline = {
  /** What the launcher handed over. */
  handedOver: unknown;
  /** Resolves when the launcher has ended, however it ended. */
  cut: Promise<void>;
};

/** Reads the first line. Throws where there is none: somebody started the server by hand. */
export async function takeLifeline(stream: ReadableStream<Uint8Array>): Promise<Lifeline> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done || text.length > MAX_LINE_BYTES) {
      throw new Error("Cannot start the server: no configuration came; use deno task start");
    }
    text += value;
  }
  return { handedOver: JSON.parse(text), cut: untilClosed(reader) };
}

async function untilClosed(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}
