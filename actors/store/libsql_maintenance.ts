/** The care of a database: cutting old history, copying everything, looking for damage. */
import { StoreError } from "../runtime/errors.ts";
import { advance, type Fence } from "./libsql_commit.ts";
import type { Connection } from "./libsql_connection.ts";
import { readHead } from "./libsql_lease.ts";
import { MAX_PROBLEMS } from "./libsql_limits.ts";
import { packList, type Query, type Statement } from "./libsql_pack.ts";
import type { PruneReport, PruneRequest } from "./store.ts";

/** Archives actors that ended, as one commit. */
export async function prune(
  connection: Connection,
  fence: Fence,
  request: PruneRequest,
): Promise<PruneReport> {
  const { seq } = await readHead(connection);
  const ended = await connection.select(listEnded(request.endedBefore, request.limit));
  const addresses = packList(ended.map(({ address }) => address));
  const steps = {
    head: advance(fence, { seq, before: seq, updates: 0 }),
    ...archive(addresses, request.now),
    ...cut(addresses),
    idempotency: {
      // The oldest were inserted first, so there is no need for an index on the time.
      sql: `delete from idempotency where at < ?1
        and rowid in (select rowid from idempotency order by rowid limit ?2)`,
      args: [request.idempotencyBefore, request.limit],
    },
  };
  const changed = await connection.batch(Object.values(steps));
  const names = Object.keys(steps);
  const count = (name: keyof typeof steps) => changed[names.indexOf(name)] ?? 0;
  return {
    actors: count("actors"),
    journalRows: count("journal"),
    streamRows: count("streams"),
    blobs: count("blobs"),
    idempotency: count("idempotency"),
  };
}

/** Writes a copy beside its place and then puts it there, so that a copy is whole or absent. */
export async function backup(connection: Connection, path: string): Promise<void> {
  if (connection.target.where === "remote") {
    throw new StoreError(
      "other",
      `Cannot back up ${connection.name}: a server's database is copied by the server`,
    );
  }
  const partial = `${path}.partial`;
  for (const taken of [path, partial]) {
    if (await exists(taken)) {
      throw new Deno.errors.AlreadyExists(`Cannot back up to "${path}": "${taken}" exists`);
    }
  }
  try {
    await connection.run("vacuum into ?1", [partial]);
    await sync(partial);
    await Deno.rename(partial, path);
  } catch (error) {
    if (await exists(partial)) await Deno.remove(partial);
    throw error;
  }
}

/** Reads the whole database. Throws with what is wrong. */
export async function check(connection: Connection): Promise<void> {
  const problems: string[] = [];
  for (const query of CHECKS) {
    const rows = await connection.select(query);
    problems.push(...rows.map(({ problem }) => problem));
    if (problems.length >= MAX_PROBLEMS) break;
  }
  if (problems.length === 0) return;
  const shown = problems.slice(0, MAX_PROBLEMS).join("; ");
  throw new StoreError("corrupt", `Cannot trust ${connection.name}: ${shown}`);
}

function listEnded(before: number, limit: number): Query<{ address: string }> {
  return {
    sql: `select json_object('address', address) as row from actors indexed by actors_ended
      where status <> 'active' and archived_at is null and updated_at < ?1
      order by updated_at limit ?2`,
    args: [before, limit],
  };
}

const LISTED = "(select value from json_each(?1))";
const NUMBERS = `(select created_seq from actors where address in ${LISTED})`;

/** Keeps the last snapshot as the base from which nothing need be folded. */
function archive(addresses: string, now: number) {
  return {
    bases: {
      sql: `insert or replace into bases (address, revision, version, snapshot)
        select address, revision, version, snapshot from actors where address in ${LISTED}`,
      args: [addresses],
    },
    actors: {
      sql: `update actors set archived_at = ?2 where address in ${LISTED}`,
      args: [addresses, now],
    },
  };
}

/** Takes away what the base stands for, and blobs that nobody refers to any more. */
function cut(addresses: string) {
  const statement = (sql: string): Statement => ({ sql, args: [addresses] });
  return {
    horizon: statement(`update head set pruned_seq = max(pruned_seq, coalesce(
      (select max(seq) from journal where actor in ${NUMBERS}), 0))`),
    journal: statement(`delete from journal where actor in ${NUMBERS}`),
    streams: statement(`delete from streams where address in ${LISTED}`),
    // Before the owners: the reference is checked when all is done.
    blobs: statement(`delete from blobs where sha in (
        select sha from blob_owners as owner where ${hasLetGo("owner")}
      ) and not exists (
        select 1 from blob_owners as keeper
        where keeper.sha = blobs.sha and not (${hasLetGo("keeper")})
      )`),
    owners: statement(`delete from blob_owners where ${hasLetGo("blob_owners")}`),
  };
}

/** With its history gone, an actor refers to a blob by its snapshot or not at all. */
function hasLetGo(owner: string): string {
  return `${owner}.address in ${LISTED} and not exists (
    select 1 from actors
    where actors.address = ${owner}.address and instr(snapshot, ${owner}.sha) > 0)`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function sync(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  await file.sync();
}

type Problem = { problem: string };

/** What must hold, each as a query for what does not. */
const CHECKS: readonly Query<Problem>[] = [
  find("integrity_check", `pragma_integrity_check(${MAX_PROBLEMS}) where integrity_check <> 'ok'`),
  find(
    `printf('a row of %s refers to one of %s that is missing', "table", "parent")`,
    "pragma_foreign_key_check()",
  ),
  find(
    "printf('%d journal rows after seq %d, want %d', found, pruned_seq, seq - pruned_seq)",
    `(select *, (select count(*) from journal where journal.seq > pruned_seq) as found from head)
      where found <> seq - pruned_seq`,
  ),
  find(
    "printf('%s is at revision %d, its journal goes further', address, revision)",
    `actors
      where revision < (select max(revision) from journal where actor = created_seq)`,
  ),
  findOrphans("timers", { key: "id", owner: "address" }),
  findOrphans("slots", { key: "key", owner: "address" }),
  findOrphans("watches", { key: "key", owner: "watcher" }),
  // An actor may end with actions still owed, but whoever awaited a result is gone.
  findOrphans("effects", { key: "key", owner: "address", where: "type = 'invoke'" }),
  find(
    "printf('tally of %s %s %s is off by %d', kind, state, status, sum(count))",
    `(
      select kind, state, status, count from tallies
      union all
      select kind, state, status, -count(*) from actors group by kind, state, status
    ) group by kind, state, status having sum(count) <> 0`,
  ),
];

/** `problem` is an expression over the rows of `from`. */
function find(problem: string, from: string): Query<Problem> {
  return {
    sql: `select json_object('problem', ${problem}) as row from ${from} limit ${MAX_PROBLEMS}`,
    args: [],
  };
}

/** Rows that belong to an actor that has ended or never was. */
function findOrphans(
  table: string,
  { key, owner, where = "true" }: { key: string; owner: string; where?: string },
): Query<Problem> {
  return find(
    `printf('%s of ${table} belongs to %s, which is %s', ${table}.${key}, ${table}.${owner},
      coalesce(status, 'missing'))`,
    `${table} left join actors on actors.address = ${table}.${owner}
      where status is not 'active' and ${where}`,
  );
}
