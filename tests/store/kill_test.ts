/**
 * A process is killed in the middle of its commits, again and again: what it was told to be
 * durable is there, and nothing is there by half.
 */
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { openStore } from "../../actors/store/open.ts";
import { readLines } from "../testing/lines.ts";
import { withDirectory } from "./directory.ts";

const ROUNDS = 10;
/** Commits that a writer may get to acknowledge before it is killed. */
const MAX_COMMITS = 60;
const SCRIPT = new URL("./write_commits.ts", import.meta.url);

Deno.test(`a file survives ${ROUNDS} kills in the middle of commits`, async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/holdfast.db`;
    for (let round = 1; round <= ROUNDS; round++) {
      const acknowledged = await writeUntilKilled(path, Math.ceil(Math.random() * MAX_COMMITS));
      await checkFile(path, acknowledged);
    }
  });
});

/** Kills the writer once it has acknowledged `count` commits. Returns the last seq that it told. */
async function writeUntilKilled(path: string, count: number): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", SCRIPT.href, path],
    stdout: "piped",
  }).spawn();
  const lines = readLines(child.stdout);
  let seen = 0;
  const last = await lines.until(() => ++seen === count);
  child.kill("SIGKILL");
  const rest = await lines.rest();
  await child.status;
  return Math.max(...[last, ...rest].map(Number));
}

async function checkFile(path: string, acknowledged: number): Promise<void> {
  const store = await openStore(path);
  try {
    await store.check();
    const lastSeq = await store.lastSeq();
    assertGreaterOrEqual(lastSeq, acknowledged);
    const journal = await store.journal({ limit: lastSeq + 1 });
    assertEquals(journal.map(({ seq }) => seq), journal.map((_, index) => index + 1));
    assertEquals(journal.length, lastSeq);
    // Each row says how many its commit has: the last commit is whole.
    const last = journal.at(-1);
    const { number, size } = JSON.parse(last?.event ?? "{}");
    const rows = journal.filter(({ event }) => JSON.parse(event).number === number);
    assertEquals(rows.length, size);
    assertEquals(await store.lastStreamSeq("task:stream", "output"), number);
  } finally {
    await store.close();
  }
}
