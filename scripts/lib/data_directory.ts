/** The data directory: there, and for its owner's eyes alone. */
import { EXIT, ExitError } from "./exit_codes.ts";

/** Makes the directory where it is missing. Throws `ExitError`. */
export function makeDataDirectory(home: string): void {
  try {
    Deno.mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(EXIT.config, `Cannot use data directory ${home}: ${reason}`);
  }
}
