/**
 * The environment of this process, but for the shell: one that reads nobody's start-up files. Those
 * may do anything, and take long over it.
 */
export function plainEnv(name: string): string | undefined {
  return name === "SHELL" ? "/bin/sh" : Deno.env.get(name);
}
