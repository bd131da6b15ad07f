/** Another process that has a test's database. */
import { readLines } from "../testing/lines.ts";

const SCRIPT = new URL("./hold_database.ts", import.meta.url);

export type Holder = {
  pid: number;
  /** Lets it end as it should. */
  end(): Promise<void>;
  kill(): Promise<void>;
};

/** Starts it and waits until it holds. See `hold_database.ts`. */
export async function hold(how: "lease" | "transaction", path: string): Promise<Holder> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", SCRIPT.href, how, path],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = readLines(child.stdout);
  await lines.until((line) => line === "held");
  const gone = async () => {
    await lines.rest();
    await child.status;
  };
  return {
    pid: child.pid,
    end: async () => {
      await child.stdin.close();
      await gone();
    },
    kill: async () => {
      child.kill("SIGKILL");
      await gone();
      await child.stdin.abort();
    },
  };
}
