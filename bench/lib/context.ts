/** What every bench is told: where it may write, in which sync mode, and how much it shall do. */

export type SyncMode = "FULL" | "NORMAL";

export type BenchContext = {
  /** A directory of this run, removed at its end. */
  readonly dir: string;
  readonly syncMode: SyncMode;
  /** Everything small, to see that it works; the figures say little. */
  readonly quick: boolean;
  /** Lives in `transitions`, events in `http` and `feed`. */
  readonly tasks: number;
  /** In flight at once in `transitions`. */
  readonly concurrency: readonly number[];
  /** Says what is being done. */
  progress(text: string): void;
};

/** The URL of a new database in a directory of its own. */
export async function newDatabase(context: Pick<BenchContext, "dir">): Promise<string> {
  const dir = await Deno.makeTempDir({ dir: context.dir });
  return `file:${dir}/bench.db`;
}
