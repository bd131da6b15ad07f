/** What happened in a simulation, in order: the last of it for a failure, or all as it comes. */

/** Happenings kept for a failure. */
const KEPT = 200;

export class Trace {
  #lines: string[] = [];

  constructor(readonly elapsed: () => number, readonly print?: (line: string) => void) {}

  note(text: string): void {
    const line = `${String(this.elapsed()).padStart(9)} ms  ${text}`;
    this.print?.(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * KEPT) this.#lines = this.#lines.slice(-KEPT);
  }

  last(count: number): string[] {
    return this.#lines.slice(-count);
  }
}
