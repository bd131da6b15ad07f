/** Lines of a process's output, one at a time, for tests that wait for a certain one. */

export type Lines = {
  /** The next line, or undefined at the end of the stream. */
  next(): Promise<string | undefined>;
  /** Reads on until a line fits; throws at the end of the stream. */
  until(fits: (line: string) => boolean): Promise<string>;
  /** All lines that are still to come, until the end of the stream. */
  rest(): Promise<string[]>;
};

/** Reads a stream as lines. The whole stream must be read, or else the test leaks it. */
export function readLines(stream: ReadableStream<Uint8Array>): Lines {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  const next = async (): Promise<string | undefined> => {
    for (;;) {
      const end = held.indexOf("\n");
      if (end >= 0) {
        const line = held.slice(0, end);
        held = held.slice(end + 1);
        return line;
      }
      const { done, value } = await reader.read();
      if (done) {
        const last = held;
        held = "";
        return last === "" ? undefined : last;
      }
      held += value;
    }
  };
  return {
    next,
    async until(fits) {
      const seen: string[] = [];
      for (let line = await next(); line !== undefined; line = await next()) {
        if (fits(line)) return line;
        seen.push(line);
      }
      throw new Error(`Cannot find the line: the output ended after\n${seen.join("\n")}`);
    },
    async rest() {
      const lines: string[] = [];
      for (let line = await next(); line !== undefined; line = await next()) lines.push(line);
      return lines;
    },
  };
}
