/**
 * What scripts print: results on stdout, as JSON for programs or as text and tables for people;
 * notes and progress on stderr, progress only on a terminal. Text that came from elsewhere is
 * shown without its control characters, so that no title can drive somebody's terminal.
 */

/** A stream to print to; `Deno.stdout` and `Deno.stderr` are two. */
export type Stream = { writeSync(bytes: Uint8Array): number; isTerminal(): boolean };

export type Column<T> = {
  title: string;
  value: (row: T) => string | number | null | undefined;
  align?: "left" | "right";
};

export type Output = {
  /** Prints one result. With `--quiet` too: it is what was asked for. */
  result(value: unknown, text: (value: unknown) => string): void;
  /** Prints rows as a table, as a JSON array, or, quiet, the first column alone. */
  table<T>(rows: readonly T[], columns: readonly Column<T>[]): void;
  /** Prints one of many results as it comes: JSON a line, or text as it is. */
  line(value: unknown, text: string): void;
  /** Tells people something besides the result. */
  note(text: string): void;
  /** Shows how far the work is, in place; an empty text takes it away. */
  progress(text: string): void;
};

/** Makes the output of a script from its `--json` and `--quiet`. */
export function createOutput(
  options: { json: boolean; quiet: boolean },
  streams: { stdout: Stream; stderr: Stream } = { stdout: Deno.stdout, stderr: Deno.stderr },
): Output {
  const { stdout, stderr } = streams;
  const { json, quiet } = options;
  const silent = quiet || json;
  return {
    result(value, text) {
      print(stdout, json ? JSON.stringify(value, null, 2) : text(value));
    },
    table(rows, columns) {
      if (json) return print(stdout, JSON.stringify(rows, null, 2));
      const lines = quiet ? rows.map((row) => cells(row, columns)[0] ?? "") : layOut(rows, columns);
      for (const line of lines) print(stdout, line);
    },
    line(value, text) {
      print(stdout, json ? JSON.stringify(value) : text);
    },
    note(text) {
      if (!silent) print(stderr, text);
    },
    progress(text) {
      if (!silent && stderr.isTerminal()) write(stderr, `\r\x1b[K${visible(text)}`);
    },
  };
}

/** Writes a text and a line break. */
export function print(stream: Pick<Stream, "writeSync">, text: string): void {
  write(stream, `${text}\n`);
}

/** Writes all of a text, however little the stream takes at a time. */
export function write(stream: Pick<Stream, "writeSync">, text: string): void {
  writeBytes(stream, new TextEncoder().encode(text));
}

/** The same with bytes, whatever they are. */
export function writeBytes(stream: Pick<Stream, "writeSync">, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}

/** A text on one line, control characters and line breaks replaced by blanks. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, " ");
}

/** A text of several lines, each without its control characters. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}

/** Rows as the lines of a table, titles first. */
export function layOut<T>(rows: readonly T[], columns: readonly Column<T>[]): string[] {
  const table = [columns.map((column) => column.title), ...rows.map((row) => cells(row, columns))];
  const widths = columns.map((_, i) => Math.max(...table.map((line) => (line[i] ?? "").length)));
  return table.map((line) =>
    line.map((cell, i) => {
      const width = widths[i] ?? 0;
      return columns[i]?.align === "right" ? cell.padStart(width) : cell.padEnd(width);
    }).join("  ").trimEnd()
  );
}

function cells<T>(row: T, columns: readonly Column<T>[]): string[] {
  return columns.map((column) => visible(String(column.value(row) ?? "-")));
}
