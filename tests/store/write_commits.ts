/**
 * Writes commits to a database as fast as it can, and prints each one's seq once it is durable.
 * Never ends. Every commit has rows in several tables, each of which says to which it belongs.
 */
import { openStore } from "../../actors/store/open.ts";
import { commitOn, journalRow, newActor, NOW, streamRow, timer } from "./commits.ts";

/** Rows of the largest commit. */
const MAX_SIZE = 40;

const [path = ""] = Deno.args;
const store = await openStore(path);
await store.acquireLease(`boot_${Deno.pid}`, NOW, 60_000);
const encoder = new TextEncoder();
let seq = await store.lastSeq();
let number = await store.lastStreamSeq("task:stream", "output");
while (true) {
  number += 1;
  const size = 1 + number % MAX_SIZE;
  const seqs = Array.from({ length: size }, (_, index) => seq + 1 + index);
  const event = JSON.stringify({ number, size });
  await store.commit(commitOn(seq, {
    actors: seqs.map((createdSeq) => newActor(`task:${createdSeq}`, createdSeq)),
    journal: seqs.map((each) => journalRow(each, `task:${each}`, { event })),
    timers: seqs.map((each) => timer(`task:${each}`, "x", NOW + each)),
    streams: [streamRow("task:stream", number)],
    tallies: [{ kind: "task", state: "idle", status: "active", delta: size }],
  }));
  seq += size;
  await Deno.stdout.write(encoder.encode(`${seq}\n`));
}
