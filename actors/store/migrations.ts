/**
 * The schema, as an ordered list of migrations. Each is applied in one transaction with the line
 * in `schema` that says so; what stands here is never edited once released, only added to. A
 * migration that code of before cannot work with must raise `head.epoch` too: that fences off a
 * process which still runs on a shared database.
 *
 * What is a column is what SQL looks for or people ask about; everything else is JSON that nobody
 * parses here. Indexes cost about as much as their rows, so each has its query named.
 */
import { StoreError } from "../runtime/errors.ts";
import type { Connection } from "./libsql_connection.ts";
import type { Query } from "./libsql_pack.ts";

export type Migration = { name: string; statements: readonly string[] };

/** Version 1 is the first; `schema.version` counts them. */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: "actors, journal and what is owed",
    statements: [
      // One row: who may write, and where the journal stands.
      `create table head (
        id integer primary key check (id = 1),
        boot_id text not null,
        epoch integer not null,
        expires_at integer not null,
        seq integer not null,
        -- The journal is whole after this.
        pruned_seq integer not null,
        -- Counts commits, so that one whose answer got lost can be told from one that failed.
        commits integer not null,
        -- Actors that the last commit updated; see libsql_commit.ts.
        updates integer not null
      ) strict`,
      `insert into head values (1, '', 0, 0, 0, 0, 0, 0)`,

      `create table actors (
        created_seq integer primary key,
        address text not null unique,
        kind text not null,
        version text not null,
        revision integer not null,
        created_at integer not null,
        updated_at integer not null,
        status text not null,
        state text not null,
        snapshot text not null,
        parent text,
        child_id text,
        blocked text,
        archived_at integer
      ) strict`,
      // Lists: by kind, status and state, in order of creation.
      `create index actors_cell on actors (kind, status, state) where archived_at is null`,
      `create index actors_archived on actors (kind, status, state) where archived_at is not null`,
      // Definitions that are no longer in force.
      `create index actors_version on actors (kind, version) where status = 'active'`,
      `create index actors_parent on actors (parent) where parent is not null`,
      `create index actors_blocked on actors (created_seq) where blocked is not null`,
      // Retention.
      `create index actors_ended on actors (updated_at)
        where status <> 'active' and archived_at is null`,

      // Indexed by the number of the actor, not its address: what is busy was mostly made lately, so
      // a commit's entries lie close together, and fewer pages are written.
      `create table journal (
        seq integer primary key,
        actor integer not null,
        address text not null,
        revision integer not null,
        at integer not null,
        event text not null,
        key text,
        cause text not null,
        edges text not null,
        state text not null,
        status text not null,
        emitted text,
        outcome text not null
      ) strict`,
      // One actor's history; the revision is there so that folding need not read rows in vain.
      `create index journal_actor on journal (actor, seq, revision)`,
      // The first receipt of a key.
      `create unique index journal_key on journal (actor, key) where key is not null`,

      `create table timers (
        number integer primary key,
        actor integer not null,
        address text not null,
        id text not null,
        due_at integer not null,
        target text not null,
        event text not null,
        stamp text not null,
        unique (actor, id)
      ) strict`,
      `create index timers_due on timers (due_at)`,

      `create table effects (
        key text not null primary key,
        address text not null,
        child_id text,
        type text not null,
        src text not null,
        input text not null,
        attempt integer not null,
        boot_id text not null,
        not_before integer not null,
        created_at integer not null
      ) strict`,
      `create index effects_address on effects (address)`,

      `create table slots (
        key text not null primary key,
        address text not null,
        child_id text not null,
        pools text not null,
        priority integer not null,
        share text not null,
        seq integer not null,
        requested_at integer not null,
        granted_at integer
      ) strict`,
      `create index slots_address on slots (address)`,
      `create index slots_seq on slots (seq)`,

      `create table watches (
        key text not null,
        watcher text not null,
        child_id text not null,
        target text not null,
        primary key (key, target)
      ) strict, without rowid`,
      `create index watches_watcher on watches (watcher)`,

      `create table pools (name text not null primary key, "limit" integer not null) strict`,

      // Values to filter lists by.
      `create table labels (
        kind text not null,
        name text not null,
        value text not null,
        created_seq integer not null,
        primary key (kind, name, value, created_seq)
      ) strict, without rowid`,
      `create index labels_owner on labels (created_seq)`,

      `create table bases (
        address text not null,
        revision integer not null,
        version text not null,
        snapshot text not null,
        primary key (address, revision)
      ) strict`,

      `create table blobs (
        sha text not null primary key,
        data text not null,
        at integer not null
      ) strict`,
      // Who refers to a blob.
      `create table blob_owners (
        address text not null,
        sha text not null references blobs (sha) deferrable initially deferred,
        primary key (address, sha)
      ) strict, without rowid`,
      `create index blob_owners_sha on blob_owners (sha)`,

      `create table dead_letters (
        id text not null primary key,
        seq integer not null,
        at integer not null,
        address text not null,
        event text not null,
        cause text not null,
        reason text not null
      ) strict`,
      `create index dead_letters_seq on dead_letters (seq)`,

      `create table idempotency (
        key text not null primary key,
        fingerprint text not null,
        answer text not null,
        at integer not null
      ) strict`,

      `create table streams (
        address text not null,
        channel text not null,
        seq integer not null,
        at integer not null,
        data text not null,
        unique (address, channel, seq)
      ) strict`,

      `create table tallies (
        kind text not null,
        state text not null,
        status text not null,
        count integer not null,
        primary key (kind, state, status)
      ) strict, without rowid`,
    ],
  },
  {
    name: "timers for others, by whom they are for",
    statements: [
      // What could still wake an actor. Most timers are for their owner and need no entry here.
      `create index timers_target on timers (target) where target <> address`,
    ],
  },
  {
    name: "bases behind which the journal of actors that go on is cut",
    statements: [
      `alter table bases add column at integer not null default 0`,
      // What the actor's journal up to here has made of it, and nothing later.
      `alter table bases add column seq integer not null default 0`,
      // 1 once nothing of the actor's journal is left up to there.
      `alter table bases add column cut integer not null default 0`,
      `update bases set (at, seq) = (
        select journal.at, journal.seq from actors join journal on actor = created_seq
        where actors.address = bases.address and journal.revision = bases.revision
          and outcome = 'taken'
      ) where exists (
        select 1 from actors join journal on actor = created_seq
        where actors.address = bases.address and journal.revision = bases.revision
          and outcome = 'taken'
      )`,
      // The others are of archived actors, which have no journal: only their last is of any use.
      `delete from bases where exists (
        select 1 from actors where actors.address = bases.address
          and archived_at is not null and bases.revision < actors.revision
      )`,
      `update bases set cut = 1, seq = (select seq from head),
        at = coalesce((select updated_at from actors where actors.address = bases.address), 0)
        where seq = 0`,
      // Retention.
      `create index bases_uncut on bases (at) where cut = 0`,
      // The last commit in which an actor referred to a blob. What was before is not known.
      `alter table blob_owners add column seq integer not null default 0`,
      `update blob_owners set seq = (select seq from head)`,
      // Which blobs an actor's letters refer to.
      `create index dead_letters_address on dead_letters (address)`,
      // A program from before would make bases that say nothing of their place.
      `update head set epoch = epoch + 1 where epoch > 0`,
    ],
  },
];

const FIND_SCHEMA: Query<{ found: number }> = {
  sql: "select json_object('found', count(*)) as row from sqlite_master where name = 'schema'",
  args: [],
};

const READ_VERSION: Query<{ version: number | null }> = {
  sql: "select json_object('version', max(version)) as row from schema",
  args: [],
};

/** The version of the schema in a database; 0 in a new one. */
export async function schemaVersion(connection: Connection): Promise<number> {
  const [table] = await connection.select(FIND_SCHEMA);
  if (table?.found !== 1) return 0;
  const [row] = await connection.select(READ_VERSION);
  return row?.version ?? 0;
}

/**
 * Brings a database to the newest schema and returns its version. Throws `StoreError` when it has
 * a newer one than this program knows.
 */
export async function migrate(
  connection: Connection,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<number> {
  let version = await schemaVersion(connection);
  if (version > migrations.length) {
    throw new StoreError(
      "other",
      `Cannot open ${connection.name}: its schema is version ${version}, this program knows ` +
        `${migrations.length}; use the newer program that wrote it`,
    );
  }
  for (const migration of migrations.slice(version)) {
    await apply(connection, version + 1, migration);
    version += 1;
  }
  return version;
}

async function apply(
  connection: Connection,
  version: number,
  { name, statements }: Migration,
): Promise<void> {
  const schema = version > 1 ? [] : [
    "create table schema (version integer primary key, name text not null) strict",
  ];
  try {
    await connection.batch([
      ...[...schema, ...statements].map((sql) => ({ sql, args: [] })),
      { sql: "insert into schema (version, name) values (?1, ?2)", args: [version, name] },
    ]);
  } catch (error) {
    // On a shared database another process may have been quicker with the same migration.
    if (await schemaVersion(connection) < version) throw error;
  }
}
