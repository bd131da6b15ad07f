/**
 * Many rows in one statement. Preparing a statement costs as much as writing several rows, so a
 * table gets one statement, however many its rows: they come as one JSON array, which `json_each`
 * turns into rows again.
 */
import { MAX_ARGUMENT_CHARS } from "./libsql_limits.ts";

/** What a column holds. */
export type Cell = string | number | null;

/** SQL with its arguments, `?1` the first. */
export type Statement = { sql: string; args: Cell[] };

/** A statement whose one column, `row`, is a `Row` in JSON. */
export type Query<Row> = Statement & { readonly yields?: Row };

/**
 * A `select` that yields the given fields of each row, in order. Values that all rows share are
 * bound once: every value in the JSON costs half a microsecond to take out, and a lone row needs
 * no JSON at all. There must be a row.
 */
export function pack<Field extends string>(
  rows: readonly { readonly [Name in Field]: Cell }[],
  fields: readonly Field[],
): Statement {
  const [first] = rows;
  if (first === undefined) throw new RangeError("Cannot pack rows: there are none");
  const varying = fields.filter((field) => rows.some((row) => row[field] !== first[field]));
  if (rows.length > 1 && varying.length === 0) varying.push(...fields.slice(0, 1));
  const args: Cell[] = [];
  if (varying.length > 0) args.push(encode(rows.map((row) => varying.map((name) => row[name]))));
  const values = fields.map((field) => {
    const index = varying.indexOf(field);
    if (index >= 0) return `value ->> ${index}`;
    const shared = first[field];
    return shared === null ? "null" : `?${args.push(wellFormed(shared))}`;
  });
  const from = varying.length > 0 ? " from json_each(?1)" : "";
  return { sql: `select ${values.join(", ")}${from}`, args };
}

/** The same in as many statements as the bound on an argument asks for; mostly in one. */
export function packAll<Field extends string>(
  rows: readonly { readonly [Name in Field]: Cell }[],
  fields: readonly Field[],
): (Statement & { rows: number })[] {
  if (rows.length === 0) return [];
  const packed = pack(rows, fields);
  const [json] = packed.args;
  const fits = typeof json !== "string" || json.length <= MAX_ARGUMENT_CHARS;
  if (fits || rows.length === 1) return [{ ...packed, rows: rows.length }];
  const middle = Math.ceil(rows.length / 2);
  return [...packAll(rows.slice(0, middle), fields), ...packAll(rows.slice(middle), fields)];
}

/** A list of strings as one argument, for `json_each`. */
export function packList(values: readonly string[]): string {
  return encode([values]).slice(1, -1);
}

/**
 * JSON for SQLite. A lone surrogate would be stored as bytes that are no UTF-8, and reading those
 * back ends the process.
 */
function encode(rows: readonly (readonly Cell[])[]): string {
  const json = JSON.stringify(rows);
  if (!json.includes("\\ud")) return json;
  return JSON.stringify(rows.map((row) => row.map(wellFormed)));
}

function wellFormed<Value extends Cell>(value: Value): Value | string {
  return typeof value === "string" ? value.toWellFormed() : value;
}
