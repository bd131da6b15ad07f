/**
 * `deno task prune`: archives actors that ended long ago, and cuts the old part of the histories of
 * those that go on. Of the first the history and output go, and the last state stays; the others
 * keep what is later than one of their base snapshots. Readers of the feed that are further behind
 * are told so.
 */
import { IDEMPOTENCY_TTL_MS } from "../actors/runtime/limits.ts";
import type { ActorStatus, PruneReport, Store } from "../actors/store/store.ts";
import { runScript } from "./lib/args.ts";
import { parseDuration, showDuration } from "./lib/durations.ts";
import { DATABASE, DATABASE_CODES, withDatabase } from "./lib/offline.ts";
import { createOutput } from "./lib/output.ts";

/** Actors archived, and bases cut behind, in one transaction. */
const BATCH = 500;
/** Events of actors that go on, cut in one transaction. */
const BATCH_ROWS = 20_000;

const ENDED: readonly ActorStatus[] = ["done", "error", "stopped"];

const SPEC = {
  name: "prune",
  summary: "Archives actors that ended long ago, and cuts old histories: they go for good.",
  options: {
    "older-than": {
      type: "string",
      value: "TIME",
      help: "What is longer ago than this, such as 30d (HOLDFAST_ARCHIVE_AFTER_MS)",
    },
    "dry-run": { type: "boolean", help: "Only count the actors that ended" },
    ...DATABASE,
  },
  exitCodes: DATABASE_CODES,
  examples: ["deno task prune --older-than 30d --dry-run", "deno task prune --older-than 30d"],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const output = createOutput(options);
    await withDatabase(options, async ({ store, config }) => {
      const given = options["older-than"];
      const ageMs = given === undefined
        ? config.archiveAfterMs
        : parseDuration(given, "--older-than");
      const now = Date.now();
      const endedBefore = new Date(now - ageMs).toISOString();
      const how = { now, ageMs, onProgress: (count: number) => output.progress(`${count} actors`) };
      if (options["dry-run"]) {
        const actors = await countEnded(store, how);
        output.progress("");
        return output.result(
          { dryRun: true, endedBefore, actors },
          () =>
            `${actors} actors ended more than ${showDuration(ageMs)} ago, before ${endedBefore}`,
        );
      }
      const report = await pruneAll(store, how);
      output.progress("");
      output.result(
        { dryRun: false, endedBefore, ...report },
        () =>
          `Archived ${report.actors} actors that ended before ${endedBefore}: removed ` +
          `${report.journalRows} events, ${report.streamRows} pieces of output, ` +
          `${report.blobs} large values, ${report.idempotency} kept answers. ` +
          `Cut ${report.cut} events of actors that go on`,
      );
    });
  });
}

type How = { now: number; ageMs: number; onProgress: (actors: number) => void };

type Total = Omit<PruneReport, "isFull">;

async function pruneAll(store: Store, { now, ageMs, onProgress }: How): Promise<Total> {
  const total = { actors: 0, journalRows: 0, cut: 0, streamRows: 0, blobs: 0, idempotency: 0 };
  for (;;) {
    const report = await store.prune({
      now,
      endedBefore: now - ageMs,
      basesBefore: now - ageMs,
      idempotencyBefore: now - IDEMPOTENCY_TTL_MS,
      limit: BATCH,
      rows: BATCH_ROWS,
    });
    total.actors += report.actors;
    total.journalRows += report.journalRows;
    total.cut += report.cut;
    total.streamRows += report.streamRows;
    total.blobs += report.blobs;
    total.idempotency += report.idempotency;
    onProgress(total.actors);
    if (!report.isFull) return total;
  }
}

async function countEnded(store: Store, { now, ageMs, onProgress }: How): Promise<number> {
  let count = 0;
  for (const status of ENDED) {
    for (let after = 0;;) {
      const rows = await store.listActors({ status, ascending: true, after, limit: BATCH });
      count += rows.filter(({ updatedAt }) => updatedAt < now - ageMs).length;
      onProgress(count);
      if (rows.length < BATCH) break;
      after = rows.at(-1)?.createdSeq ?? after;
    }
  }
  return count;
}
