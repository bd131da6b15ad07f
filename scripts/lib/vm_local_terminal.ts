/**
 * The terminal that this process runs in, while it stands in for one elsewhere: every key goes
 * there, its size too, and whatever happens it is given back as it was.
 */
import { EXIT, ExitError } from "./exit_codes.ts";
import { writeBytes } from "./output.ts";
import type { Size } from "./vm_terminal.ts";

/**
 * Undoes what a program that was left alone may have set: hidden cursor, mouse reports, bracketed
 * paste, colours.
 */
const UNDO = "\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m";
const LEAVE_ALTERNATE = "\x1b[?1049l";
export const CLEAR = "\x1b[H\x1b[2J";

export type LocalTerminal = {
  size(): Size;
  /** Every key comes here from now on. */
  takeOver(): void;
  show(data: Uint8Array): void;
  /** Gives it back. May be called more than once. */
  giveBack(): void;
};

export type LocalEvents = {
  onInput(data: Uint8Array<ArrayBuffer>): void;
  onResize(size: Size): void;
  /** Somebody ends this process, or the terminal itself is gone. */
  onEnd(): void;
};

/** Whether a person sits here. */
export function isInteractive(): boolean {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
}

export function localTerminal({ onInput, onResize, onEnd }: LocalEvents): LocalTerminal {
  let isTaken = false;
  let isAlternate = false;
  const resized = () => onResize(sizeOf());
  const ending: Deno.Signal[] = ["SIGTERM", "SIGHUP"];
  return {
    size: sizeOf,
    takeOver() {
      if (isTaken) return;
      isTaken = true;
      Deno.stdin.setRaw(true);
      keepLineFeeds();
      Deno.addSignalListener("SIGWINCH", resized);
      for (const signal of ending) Deno.addSignalListener(signal, onEnd);
      readKeys(onInput).then(onEnd, onEnd);
    },
    show(data) {
      isAlternate = endsInAlternate(data) ?? isAlternate;
      writeBytes(Deno.stdout, data);
    },
    giveBack() {
      if (!isTaken) return;
      isTaken = false;
      Deno.removeSignalListener("SIGWINCH", resized);
      for (const signal of ending) Deno.removeSignalListener(signal, onEnd);
      Deno.stdin.setRaw(false);
      const undo = `${isAlternate ? LEAVE_ALTERNATE : ""}${UNDO}`;
      this.show(new TextEncoder().encode(undo));
    },
  };
}

/**
 * Raw mode of Deno's leaves the output alone, where a bare line feed, by which programs move the
 * cursor down, would become a carriage return too. Leaving raw mode undoes this with the rest.
 */
function keepLineFeeds(): void {
  const { success } = new Deno.Command("stty", { args: ["-opost"], stdin: "inherit" }).outputSync();
  if (!success) throw new ExitError(EXIT.failed, "Cannot set the terminal up: stty failed");
}

function sizeOf(): Size {
  return Deno.consoleSize();
}

/** Until the terminal is gone. */
async function readKeys(onInput: LocalEvents["onInput"]): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  while (true) {
    const length = await Deno.stdin.read(buffer);
    if (length === null) return;
    onInput(buffer.slice(0, length));
  }
}

/** Whether a program is on its second screen after this; undefined where it says nothing of it. */
function endsInAlternate(data: Uint8Array): boolean | undefined {
  const text = new TextDecoder("latin1").decode(data);
  const last = [...text.matchAll(ALTERNATE)].at(-1)?.[1];
  return last === undefined ? undefined : last === "h";
}

// deno-lint-ignore no-control-regex -- it is an escape sequence that is looked for
const ALTERNATE = /\x1b\[\?(?:1049|1047|47)([hl])/g;
