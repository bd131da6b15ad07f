/** Where the caller of a script was: `deno task` itself goes to the project's directory. */

/** The directory that relative paths in arguments are meant from. */
export function callersDirectory(): string {
  return Deno.env.get("INIT_CWD") || Deno.cwd();
}
