/** The care of a database: copying everything, looking for damage. */
import { StoreError } from "../runtime/errors.ts";
import type { Connection } from "./libsql_connection.ts";
import { MAX_PROBLEMS } from "./libsql_limits.ts";
import type { Query } from "./libsql_pack.ts";

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
  find(
    "printf('the journal of %s begins at revision %d, and no base is before it', address, first)",
    `(select address, revision, (
        select journal.revision from journal where actor = created_seq order by seq limit 1
      ) as first from actors) as actor
      where first > 1 and not exists (
        select 1 from bases where bases.address = actor.address
          and bases.revision between first - 1 and actor.revision
      )`,
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
