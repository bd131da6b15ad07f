/**
 * The exit codes of our scripts, so that other programs can branch on them, and the error that
 * carries one. Codes above 63 are the ones to which `sysexits.h` gives these meanings.
 */
export const EXIT = {
  ok: 0,
  /** What was asked for could not be done. */
  failed: 1,
  /** Unknown flag, missing argument. */
  usage: 2,
  /** There is no such task, actor or file. */
  notFound: 66,
  /** The address is taken, or the server does not answer. */
  unavailable: 69,
  /** The server ended itself because its store cannot be trusted any more. */
  fatal: 70,
  /** Another process holds the database; try again later. */
  held: 75,
  /** A setting has a value that cannot be used. */
  config: 78,
  /** Whoever read the output has gone, as after SIGPIPE. */
  brokenPipe: 141,
} as const;

/** Ends a script with a message for people and an exit code for programs. */
export class ExitError extends Error {
  override name = "ExitError";
  constructor(readonly exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
