/**
 * What the database holds asleep must cost nothing: every query and every statement of a commit
 * finds its rows by an index. SQLite says how it would go about each.
 */
import { createClient } from "@libsql/client";
import { assertArrayIncludes, assertEquals } from "@std/assert";
import { commitStatements } from "../../actors/store/libsql_commit.ts";
import * as list from "../../actors/store/libsql_list.ts";
import type { Statement } from "../../actors/store/libsql_pack.ts";
import * as prune from "../../actors/store/libsql_prune.ts";
import * as read from "../../actors/store/libsql_read.ts";
import { MIGRATIONS } from "../../actors/store/migrations.ts";
import type { Commit } from "../../actors/store/store.ts";
import {
  commitOn,
  effect,
  journalRow,
  newActor,
  nextWrite,
  NOW,
  slot,
  streamRow,
  timer,
} from "./commits.ts";

/** Small by nature, whatever the database holds. */
const SMALL = [
  /^SCAN (json_each|wanted|due) VIRTUAL TABLE/,
  /^SCAN (cell|stretch|due|known|new|head|pools|tallies)$/,
  /^SCAN \(?(subquery|CONSTANT)/,
];

const label = { name: "label", value: "red" };
const letters = ["task:a", "task:b"];

/** Queries, each with the searches that make it cheap. */
const QUERIES: { [name: string]: { query: Statement; searches: string[] } } = {
  nextTimerAt: {
    query: read.nextTimerAt(NOW),
    searches: ["timers USING COVERING INDEX timers_due (due_at>?)"],
  },
  timersDue: {
    query: read.timersDue(NOW, 9),
    searches: ["timers USING INDEX timers_due (due_at<?)"],
  },
  timersOf: {
    query: read.timersOf("task:a"),
    searches: ["timers USING INDEX sqlite_autoindex_timers_1 (actor=?)"],
  },
  "listEnded for retention": {
    query: prune.listEnded(NOW, 9),
    searches: ["actors USING INDEX actors_ended (updated_at<?)"],
  },
  "listDue for retention": {
    query: prune.listDue(NOW, 9),
    searches: [
      "bases USING INDEX bases_uncut (at<?)",
      "actors USING COVERING INDEX sqlite_autoindex_actors_1 (address=?)",
    ],
  },
  loadActors: {
    query: list.loadActors(letters),
    searches: ["actors USING INDEX sqlite_autoindex_actors_1 (address=?)"],
  },
  "listActors of a kind": { query: list.listActors({ kind: "task", limit: 9 }), searches: cells() },
  "listActors of a kind and state": {
    query: list.listActors({ kind: "task", state: "running|queued", after: 9, limit: 9 }),
    searches: cells(),
  },
  "listActors of a status": {
    query: list.listActors({ status: "active", ascending: true, limit: 9 }),
    searches: [...cells(">"), "actors USING INDEX actors_cell (kind>?)"],
  },
  "listActors that are archived": {
    query: list.listActors({ kind: "task", archived: true, limit: 9 }),
    searches: cells().map((search) => search.replace("actors_cell", "actors_archived")),
  },
  "listActors with labels": {
    query: list.listActors({ kind: "task", index: [label, label], status: "done", limit: 9 }),
    searches: [
      "labels USING PRIMARY KEY (kind=? AND name=? AND value=? AND created_seq<?)",
      "actors USING INTEGER PRIMARY KEY (rowid=?)",
    ],
  },
  "listActors with a label, of any kind": {
    query: list.listActors({ index: [label], limit: 9 }),
    searches: [
      "labels USING PRIMARY KEY (kind=? AND name=? AND value=? AND created_seq<?)",
      "labels USING PRIMARY KEY (kind>?)",
    ],
  },
  "listActors of a parent": {
    query: list.listActors({ parent: "goal:g", limit: 9 }),
    searches: ["actors USING INDEX actors_parent (parent=? AND rowid<?)"],
  },
  "listActors that are blocked": {
    query: list.listActors({ blocked: true, limit: 9 }),
    searches: ["actors USING INDEX actors_blocked (created_seq<?)"],
  },
  listOutdated: {
    query: list.listOutdated({ kind: "task", version: "2", after: 0, limit: 9 }),
    searches: [
      "actors USING COVERING INDEX actors_version (kind=? AND version>?)",
      "actors USING COVERING INDEX actors_version (kind=? AND version=? AND rowid>?)",
    ],
  },
  "journal after a seq": {
    query: read.journal({ after: 9, limit: 9 }),
    searches: ["journal USING INTEGER PRIMARY KEY (rowid>?)"],
  },
  "journal before a seq": {
    query: read.journal({ before: 9, descending: true, limit: 9 }),
    searches: ["journal USING INTEGER PRIMARY KEY (rowid<?)"],
  },
  "journal of an address": {
    query: read.journal({ address: "task:a", afterRevision: 3, limit: 9 }),
    searches: ["journal USING INDEX journal_actor (actor=?)"],
  },
  "journal of an address after a seq": {
    query: read.journal({ address: "task:a", after: 3, limit: 9 }),
    searches: ["journal USING INDEX journal_actor (actor=? AND seq>?)"],
  },
  "journal of addresses": {
    query: read.journal({ addresses: letters, after: 3, limit: 9 }),
    searches: [
      "journal USING COVERING INDEX journal_actor (actor=? AND seq>?)",
      "journal USING INTEGER PRIMARY KEY (rowid=?)",
    ],
  },
  findKeys: {
    query: read.findKeys([{ address: "task:a", key: "k" }]),
    searches: ["journal USING INDEX journal_key (actor=? AND key=?)"],
  },
  unattended: {
    query: read.unattended(letters),
    searches: [
      "actors USING INDEX sqlite_autoindex_actors_1 (address=?)",
      "timers USING COVERING INDEX sqlite_autoindex_timers_1 (actor=?)",
      "timers USING INDEX timers_target (target=?)",
      "effects USING COVERING INDEX effects_address (address=?)",
      "slots USING COVERING INDEX slots_address (address=?)",
      "watches USING COVERING INDEX watches_watcher (watcher=?)",
      "child USING INDEX actors_parent (parent=?)",
    ],
  },
  indexOf: {
    query: read.indexOf("task:a"),
    searches: [
      "actors USING COVERING INDEX sqlite_autoindex_actors_1 (address=?)",
      "labels USING COVERING INDEX labels_owner (created_seq=?)",
    ],
  },
  baseOf: {
    query: read.baseOf("task:a", 9),
    searches: ["bases USING INDEX sqlite_autoindex_bases_1 (address=? AND revision<?)"],
  },
  listEffects: {
    query: read.listEffects("", 9),
    searches: ["effects USING INDEX sqlite_autoindex_effects_1 (key>?)"],
  },
  effectsOf: {
    query: read.effectsOf("task:a"),
    searches: ["effects USING INDEX effects_address (address=?)"],
  },
  listSlots: { query: read.listSlots(0, 9), searches: ["slots USING INDEX slots_seq (seq>?)"] },
  slotsOf: {
    query: read.slotsOf("task:a"),
    searches: ["slots USING INDEX slots_address (address=?)"],
  },
  listWatches: {
    query: read.listWatches("", 9),
    searches: ["watches USING PRIMARY KEY (key>?)", "watches USING PRIMARY KEY (key=?)"],
  },
  watchesOf: {
    query: read.watchesOf("task:a"),
    searches: ["watches USING INDEX watches_watcher (watcher=?)"],
  },
  listDeadLetters: {
    query: read.listDeadLetters(9, 9),
    searches: ["dead_letters USING INDEX dead_letters_seq (seq>? AND seq<?)"],
  },
  getDeadLetter: {
    query: read.getDeadLetter("d"),
    searches: ["dead_letters USING INDEX sqlite_autoindex_dead_letters_1 (id=?)"],
  },
  getIdempotency: {
    query: read.getIdempotency("k"),
    searches: ["idempotency USING INDEX sqlite_autoindex_idempotency_1 (key=?)"],
  },
  getBlob: {
    query: read.getBlob("s"),
    searches: ["blobs USING INDEX sqlite_autoindex_blobs_1 (sha=?)"],
  },
  readStream: {
    query: read.readStream({ address: "task:a", channel: "output", after: 0, limit: 9 }),
    searches: [
      "streams USING INDEX sqlite_autoindex_streams_1 (address=? AND channel=? AND seq>?)",
    ],
  },
  lastStreamSeq: {
    query: read.lastStreamSeq("task:a", "output"),
    searches: ["streams USING COVERING INDEX sqlite_autoindex_streams_1 (address=? AND channel=?)"],
  },
};

for (const [name, { query, searches }] of Object.entries(QUERIES)) {
  Deno.test(`${name} finds its rows by an index`, async () => {
    const [plan = []] = await plansOf([query]);
    assertEquals(scansIn(plan), []);
    assertArrayIncludes(plan, searches.map((search) => `SEARCH ${search}`));
  });
}

Deno.test("commitStatements() find their rows by an index", async () => {
  const one = commitStatements(fullCommit(["a"]), { bootId: "b", epoch: 1, commits: 0 });
  const many = commitStatements(fullCommit(["a", "b"]), { bootId: "b", epoch: 1, commits: 0 });
  for (const [index, plan] of (await plansOf([...one, ...many])).entries()) {
    const statement = [...one, ...many][index]?.sql;
    assertEquals(scansIn(plan), [], statement);
  }
});

Deno.test("archive() and cut() find their rows by an index", async () => {
  const statements = [
    ...Object.values(prune.archive(letters, { now: NOW, seq: 9 })),
    ...Object.values(prune.cut([[1, "task:a", 9], [2, "task:b", 9]], 9)),
  ];
  for (const [index, plan] of (await plansOf(statements)).entries()) {
    assertEquals(scansIn(plan), [], statements[index]?.sql);
  }
});

/** How a page of a kind is found: leap from stretch to stretch, walk each for a page. */
function cells(seq = "<"): string[] {
  return [
    "actors USING INDEX actors_cell (kind=? AND status=? AND state>?)",
    "actors USING INDEX actors_cell (kind=? AND status>?)",
    `actors USING INDEX actors_cell (kind=? AND status=? AND state=? AND rowid${seq}?)`,
  ];
}

/** A commit that touches every table, with a row for each name. */
function fullCommit(names: readonly string[]): Commit {
  const of = <Row>(make: (name: string, number: number) => Row) =>
    names.map((name, index) => make(`task:${name}`, index + 1));
  return commitOn(0, {
    actors: [...of(newActor), ...of((address, seq) => nextWrite(newActor(address, seq)))],
    journal: of((address, seq) => journalRow(seq, address, { key: address })),
    timers: of((address) => timer(address, "x", NOW)),
    timersDeleted: of((address) => ({ address, id: "x" })),
    timersCleared: of((address) => address),
    effects: of((address) => effect(`${address}/1/0`)),
    effectsDeleted: of((address) => `${address}/1/0`),
    slots: of((address, seq) => slot(`${address}/1/0`, seq)),
    slotsDeleted: of((address) => `${address}/1/0`),
    watches: of((key) => ({ key, watcher: key, childId: "w", target: key })),
    watchesDeleted: of((key) => ({ key, target: key })),
    pools: of((name) => ({ name, limit: 1 })),
    index: of((address, createdSeq) => ({ address, kind: "task", createdSeq, values: [label] })),
    bases: of((address) => ({
      ...{ address, revision: 1, version: "1", snapshot: "{}" },
      ...{ at: NOW, seq: 1 },
    })),
    blobs: of((address) => ({ sha: address, data: "d", address, at: NOW })),
    deadLetters: of((address, seq) => ({
      ...{ id: address, seq, at: NOW, address },
      ...{ event: "{}", cause: "api", reason: "" },
    })),
    deadLettersDeleted: of((id) => id),
    idempotency: of((key) => ({ key, fingerprint: "f", answer: "{}", at: NOW })),
    streams: of((address) => streamRow(address, 1)),
    tallies: of((kind) => ({ kind, state: "idle", status: "active" as const, delta: 1 })),
  });
}

function scansIn(plan: readonly string[]): string[] {
  return plan.filter((line) =>
    line.startsWith("SCAN ") && !SMALL.some((small) => small.test(line))
  );
}

/** What SQLite says about each statement. */
async function plansOf(statements: readonly Statement[]): Promise<string[][]> {
  const client = createClient({ url: ":memory:" });
  try {
    await client.batch(MIGRATIONS.flatMap((migration) => migration.statements), "write");
    const plans: string[][] = [];
    for (const { sql, args } of statements) {
      const { rows } = await client.execute({ sql: `explain query plan ${sql}`, args });
      plans.push(rows.map(({ detail }) => String(detail)));
    }
    return plans;
  } finally {
    client.close();
  }
}
