/**
 * How a command in a container begins: our wrapper in the container's shell looks whether it can
 * be run, says so in a greeting on the error output, and becomes the command. No greeting means
 * that the container's runtime has failed, and what was written instead is its reason. So a
 * program's own exit code 127 is never taken for a missing program.
 */
import type { Piece } from "./docker_frames.ts";
import { MAX_REASON_CHARS, MAX_UNGREETED_BYTES } from "./docker_limits.ts";
import { MARKER, MARKER_CHARS } from "./docker_processes.ts";
import { ProviderError } from "./provider.ts";

/** What the wrapper says: one letter after the marker. */
export type Greeting =
  | "ok"
  | "no_directory"
  | "no_command"
  | "not_executable"
  | "port_closed"
  | "no_relay";

const LETTERS: Readonly<Record<string, Greeting>> = {
  o: "ok",
  d: "no_directory",
  c: "no_command",
  x: "not_executable",
  p: "port_closed",
  r: "no_relay",
};

/**
 * Begins a wrapper, which has `greet LETTER` then. When memory runs out, what it becomes is to go
 * first: the kernel could else end the container's own first process, and the VM with it.
 */
export const GREET = `{ echo 500 >/proc/self/oom_score_adj; } 2>/dev/null
greet() { printf '%s%s' "$${MARKER}" "$1" >&2; }`;

/**
 * $1 the directory, then the command. Its variables have names that no command's environment has,
 * since assigning to one that is exported would change it.
 */
export const WRAPPER = `${GREET}
set -f
cd "$1" 2>/dev/null || { greet d; exit 126; }
unset OLDPWD
shift
case $1 in */*) holdfast_path=$1 ;; *)
  IFS=:
  for holdfast_directory in $PATH; do
    holdfast_path=\${holdfast_directory:-.}/$1
    [ -f "$holdfast_path" ] && [ -x "$holdfast_path" ] && break
  done
  unset IFS ;;
esac
[ -f "$holdfast_path" ] || { greet c; exit 127; }
[ -x "$holdfast_path" ] || { greet x; exit 126; }
greet o
exec "$@"
`;

/** Finds the greeting at the beginning of the error output, and keeps what comes before it. */
export class GreetingReader {
  readonly #marker: string;
  /** Not the command's until the greeting is there. */
  #held: Piece[] = [];
  #heldBytes = 0;
  #greeting: Greeting | undefined;

  constructor(marker: string) {
    this.#marker = marker;
  }

  /** The greeting, once it is there. */
  get greeting(): Greeting | undefined {
    return this.#greeting;
  }

  /**
   * Takes pieces until the greeting is there, then returns those that are the command's own.
   * Throws `ProviderError("failed")` where it cannot come any more.
   */
  take(piece: Piece): Piece[] | undefined {
    this.#held.push({ ...piece, data: piece.data.slice() });
    this.#heldBytes += piece.data.length;
    const errors = this.#errors();
    if (errors.length <= MARKER_CHARS) {
      if (this.#heldBytes > MAX_UNGREETED_BYTES) throw this.failure("run a command", "no greeting");
      return undefined;
    }
    const text = new TextDecoder("latin1").decode(errors.subarray(0, MARKER_CHARS + 1));
    this.#greeting = text.startsWith(this.#marker) ? LETTERS[text.slice(MARKER_CHARS)] : undefined;
    if (this.#greeting === undefined) return undefined;
    const rest = errors.slice(MARKER_CHARS + 1);
    const output = this.#held.filter(({ stream }) => stream === "stdout");
    return rest.length > 0 ? [...output, { stream: "stderr", data: rest }] : output;
  }

  /** Why there is no greeting, when the output has ended without. */
  failure(action: string, fallback: string): ProviderError {
    const decoder = new TextDecoder();
    const said = this.#held.map(({ data }) => decoder.decode(data)).join("").trim();
    const reason = said.slice(0, MAX_REASON_CHARS) || fallback;
    const advice = /\/bin\/sh\b/.test(reason) ? "; the image needs a shell at /bin/sh" : "";
    return new ProviderError("failed", `Cannot ${action}: ${reason}${advice}`);
  }

  #errors(): Uint8Array {
    const pieces = this.#held.filter(({ stream }) => stream === "stderr");
    const errors = new Uint8Array(pieces.reduce((sum, { data }) => sum + data.length, 0));
    let at = 0;
    for (const { data } of pieces) {
      errors.set(data, at);
      at += data.length;
    }
    return errors;
  }
}
