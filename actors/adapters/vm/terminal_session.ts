/**
 * One terminal: its program, what it has shown last, and who looks at it. It outlives the viewers.
 * What a viewer is (a WebSocket, say), and who may be one, is not this file's matter.
 */
import type { Clock } from "../../runtime/clock.ts";
import type { ExecExit, TerminalProcess } from "./provider.ts";
import {
  MAX_WAITING_INPUT_BYTES,
  TERMINAL_DETACHED_MS,
  TERMINAL_DRAIN_MS,
  VIEWER_BUFFER_BYTES,
  VIEWER_POLL_MS,
  VIEWER_STALL_MS,
} from "./terminal_limits.ts";
import { type Replay, Scrollback } from "./terminal_scrollback.ts";
import { searchLines, type SearchQuery, type SearchResult } from "./terminal_search.ts";
import { textLines } from "./terminal_text.ts";

/** How a terminal came to its end. */
export type TerminalEnd =
  | { type: "exited"; exit: ExecExit }
  | { type: "closed"; reason: string };

/** Somebody who looks at a terminal. None of these may throw. */
export type TerminalViewer = {
  show(data: Uint8Array): void;
  /** What it has not taken yet. */
  bufferedBytes(): number;
  /** It held the others up for too long, and is shown nothing more. */
  dropped(): void;
  ended(end: TerminalEnd): void;
};

/** What lists show. */
export type TerminalView = {
  id: string;
  columns: number;
  rows: number;
  viewers: number;
  createdAt: number;
};

export type SessionOptions = {
  clock: Pick<Clock, "now" | "wake">;
  detachedMs?: number;
  stallMs?: number;
};

export class TerminalSession {
  /** Settles when it is over and its program gone; never throws. */
  readonly ended: Promise<TerminalEnd>;
  readonly #process: TerminalProcess;
  readonly #clock: Pick<Clock, "now" | "wake">;
  readonly #options: Required<Omit<SessionOptions, "clock">>;
  readonly #scrollback = new Scrollback();
  readonly #viewers = new Set<TerminalViewer>();
  readonly #closing = Promise.withResolvers<TerminalEnd>();
  readonly #view: Omit<TerminalView, "viewers">;
  #input: Promise<void> = Promise.resolve();
  #resized: Promise<void> = Promise.resolve();
  #waitingInputBytes = 0;
  #shownBytes = 0;
  #isOver = false;
  #cancelDetached = () => {};

  constructor(
    process: TerminalProcess,
    view: Omit<TerminalView, "viewers">,
    { clock, ...options }: SessionOptions,
  ) {
    this.#process = process;
    this.#view = view;
    this.#clock = clock;
    this.#options = { detachedMs: TERMINAL_DETACHED_MS, stallMs: VIEWER_STALL_MS, ...options };
    this.#armDetached();
    this.ended = this.#live();
  }

  view(): TerminalView {
    return { ...this.#view, viewers: this.#viewers.size };
  }

  /** What was shown last; whatever comes after that is shown to the viewer until it leaves. */
  attach(viewer: TerminalViewer): { replay: Replay; leave: () => void } {
    this.#cancelDetached();
    // Over already: told when the caller has dealt with what was shown.
    if (this.#isOver) void this.ended.then((end) => viewer.ended(end));
    else this.#viewers.add(viewer);
    return { replay: this.#scrollback.replay(), leave: () => this.#leave(viewer) };
  }

  /** Types, in the order of the calls. Throws `RangeError` when too much waits already. */
  async write(data: Uint8Array): Promise<void> {
    if (this.#waitingInputBytes + data.byteLength > MAX_WAITING_INPUT_BYTES) {
      throw new RangeError(
        `Cannot type ${data.byteLength} bytes: the program has not read ` +
          `${this.#waitingInputBytes} yet`,
      );
    }
    this.#waitingInputBytes += data.byteLength;
    const before = this.#input;
    const mine = (async () => {
      await before;
      await this.#process.write(data);
    })();
    this.#input = mine.then(() => {}, () => {});
    try {
      await mine;
    } finally {
      this.#waitingInputBytes -= data.byteLength;
    }
  }

  /** Sets the size, in the order of the calls: the last one stands. */
  async resize(columns: number, rows: number): Promise<void> {
    const before = this.#resized;
    const mine = (async () => {
      await before;
      await this.#process.resize(columns, rows);
      Object.assign(this.#view, { columns, rows });
    })();
    this.#resized = mine.then(() => {}, () => {});
    await mine;
  }

  /** Searches what is kept. Throws `PatternError`. */
  search(query: SearchQuery): Promise<SearchResult> {
    const { pieces } = this.#scrollback.replay();
    return searchLines(textLines(pieces), query, () => this.#clock.now());
  }

  /** Hangs up. */
  close(reason: string): void {
    this.#closing.resolve({ type: "closed", reason });
  }

  async #live(): Promise<TerminalEnd> {
    const shown = this.#showAll();
    const exited = this.#process.exited.then(
      async (exit): Promise<TerminalEnd> => {
        await this.#drained(shown);
        return { type: "exited", exit };
      },
      (error: Error): TerminalEnd => ({ type: "closed", reason: error.message }),
    );
    const end = await Promise.race([exited, this.#closing.promise]);
    this.#isOver = true;
    this.#cancelDetached();
    const last = await this.#hangUp(end);
    for (const viewer of this.#viewers) viewer.ended(last);
    this.#viewers.clear();
    return last;
  }

  /** A provider that cannot do it has lost the program: that is how it ended then. */
  async #hangUp(end: TerminalEnd): Promise<TerminalEnd> {
    try {
      await this.#process.close();
      return end;
    } catch (error) {
      return end.type === "exited" ? end : { type: "closed", reason: reasonOf(error) };
    }
  }

  /** Passes on what the program writes, no faster than the viewers take it. */
  async #showAll(): Promise<void> {
    try {
      for await (const data of this.#process.output) {
        this.#shownBytes += data.byteLength;
        this.#scrollback.append(data);
        for (const viewer of this.#viewers) viewer.show(data);
        if (this.#isBehind()) await this.#caughtUp();
      }
    } catch (error) {
      this.close(reasonOf(error));
    }
  }

  #isBehind(): boolean {
    return [...this.#viewers].some(isBehind);
  }

  /** Resolves when every viewer has room. One that takes too long is dropped if others wait. */
  async #caughtUp(): Promise<void> {
    const until = this.#clock.now() + this.#options.stallMs;
    while (this.#isBehind()) {
      await this.#pause(VIEWER_POLL_MS);
      if (this.#clock.now() < until) continue;
      for (const viewer of [...this.#viewers].filter(isBehind)) {
        if (this.#viewers.size < 2) break;
        this.#leave(viewer);
        viewer.dropped();
      }
    }
  }

  /**
   * Resolves when all that the program wrote is shown. Something that it left behind may hold the
   * terminal open: then when nothing has come for a while, and nobody is behind.
   */
  async #drained(shown: Promise<void>): Promise<void> {
    let isWhole = false;
    const whole = shown.then(() => void (isWhole = true));
    let before = -1;
    while (!isWhole && (this.#isBehind() || before !== this.#shownBytes)) {
      before = this.#shownBytes;
      const late = Promise.withResolvers<void>();
      const cancel = this.#clock.wake(this.#clock.now() + TERMINAL_DRAIN_MS, late.resolve);
      await Promise.race([whole, late.promise]);
      cancel();
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.wake(this.#clock.now() + ms, resolve));
  }

  #leave(viewer: TerminalViewer): void {
    const isLast = this.#viewers.delete(viewer) && this.#viewers.size === 0;
    if (isLast && !this.#isOver) this.#armDetached();
  }

  #armDetached(): void {
    const { detachedMs } = this.#options;
    this.#cancelDetached();
    this.#cancelDetached = this.#clock.wake(
      this.#clock.now() + detachedMs,
      () => this.close(`nobody was connected for ${detachedMs} ms`),
    );
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isBehind(viewer: TerminalViewer): boolean {
  return viewer.bufferedBytes() > VIEWER_BUFFER_BYTES;
}
