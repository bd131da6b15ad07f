/**
 * Rows into tables: what a commit writes, as statements of one shape a table. Which tables and in
 * which order is the commit's business.
 */
import type { Address } from "../runtime/address.ts";
import { type Cells, packAll, type Packed, type Statement } from "./libsql_pack.ts";
import { column, type Fields } from "./libsql_tables.ts";
import type { ActorWrite } from "./store.ts";

/** `or replace` for rows that may be there, `or ignore` for those that stay as they are. */
export type Insert = "insert" | "insert or replace" | "insert or ignore";

/** Rows of actors, and the actors' numbers, which are their `createdSeq`, as far as known. */
export type Owned<Field extends string> = {
  rows: readonly (Cells<Field> & { readonly address: Address })[];
  numbers: ReadonlyMap<Address, number>;
};

/** What an event may change of an actor; the rest stays as it was created. */
const CHANGING = [
  "revision",
  "version",
  "updatedAt",
  "status",
  "state",
  "snapshot",
  "blocked",
  "archivedAt",
] as const;
const CHANGES = CHANGING.map((field) => ({ field, column: column(field) }));
const UPDATED = ["createdSeq", "address", "baseRevision", ...CHANGING] as const;

export function insert<Field extends string>(
  verb: Insert,
  { name, fields, columns }: Fields<Field>,
  rows: readonly Cells<Field>[],
): Statement[] {
  return packAll(rows, fields).map(({ sql, args }) => ({
    sql: `${verb} into ${name} (${columns}) ${sql}`,
    args,
  }));
}

/** Inserts into a table that knows actors by their number. */
export function insertOwned<Field extends string>(
  verb: Insert,
  { name, fields, columns }: Fields<Field>,
  owned: Owned<Field>,
): Statement[] {
  return packOwned(fields, owned).map(({ args, values, from, actor }) => {
    const selected = [actor, ...fields.map((field) => values[field])].join(", ");
    return {
      sql: `${verb} into ${name} (actor, ${columns}) select ${selected}${from}`,
      args,
    };
  });
}

export function remove<Field extends string>(
  table: string,
  fields: readonly Field[],
  keys: readonly Cells<Field>[],
): Statement[] {
  return packAll(keys, fields).map(({ sql, args }) => ({
    sql: `delete from ${table} where (${fields.map(column).join(", ")}) in (${sql})`,
    args,
  }));
}

/** Deletes from a table that knows actors by their number. */
export function removeOwned<Field extends string>(
  table: string,
  fields: readonly Field[],
  owned: Owned<Field>,
): Statement[] {
  const key = ["actor", ...fields.map(column)].join(", ");
  return packOwned(fields, owned).map(({ args, values, from, actor }) => {
    const selected = [actor, ...fields.map((field) => values[field])].join(", ");
    return { sql: `delete from ${table} where (${key}) in (select ${selected}${from})`, args };
  });
}

/**
 * Each statement with the number of rows that it must change. Actors are found by their number,
 * the cheapest way; the address only makes sure.
 */
export function updateActors(writes: readonly ActorWrite[]): (Statement & { rows: number })[] {
  return packAll(writes, UPDATED).map(({ args, values, from, rows }) => {
    const sets = CHANGES.map(({ field, column }) => `${column} = ${values[field]}`);
    return {
      sql: `update actors set ${sets.join(", ")}${from}
        where actors.created_seq = ${values.createdSeq} and actors.address = ${values.address}
          and actors.revision = ${values.baseRevision}`,
      args,
      rows,
    };
  });
}

/** Rows with an expression for the number of their actor, looked up where it is not known. */
function packOwned<Field extends string>(
  fields: readonly Field[],
  { rows, numbers }: Owned<Field>,
): (Packed<Field | "actor" | "address"> & { actor: string })[] {
  const numbered = rows.map((row) => ({ ...row, actor: numbers.get(row.address) ?? null }));
  const isKnown = numbered.every(({ actor }) => actor !== null);
  const all = [...new Set(["actor", "address", ...fields] as const)];
  return packAll(numbered, all).map((packed) => {
    const { actor, address } = packed.values;
    const lookUp = `(select created_seq from actors where actors.address = ${address})`;
    return { ...packed, actor: isKnown ? actor : `coalesce(${actor}, ${lookUp})` };
  });
}
