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

/** Rows on their way into a statement. */
export type Packed<Field extends string> = Statement & {
  /** Each field's value as an expression, for statements that are no plain `select`. */
  values: { readonly [Name in Field]: string };
  /** What the expressions are taken from, to follow them; empty for a lone row. */
  from: string;
  rows: number;
};

/** Rows with cells in the named fields, whatever else they have. */
export type Cells<Field extends string> = { readonly [Name in Field]: Cell };

/**
 * A `select` that yields the given fields of each row, in order. Values that all rows share are
 * bound once: every value in the JSON costs half a microsecond to take out, and a lone row needs
 * no JSON at all. There must be a row.
 */
export function pack<Field extends string>(
  rows: readonly Cells<Field>[],
  fields: readonly Field[],
): Packed<Field> {
  const [first] = rows;
  if (first === undefined) throw new RangeError("Cannot pack rows: there are none");
  const varying = fields.filter((field) => rows.some((row) => row[field] !== first[field]));
  if (rows.length > 1 && varying.length === 0) varying.push(...fields.slice(0, 1));
  const isLone = varying.length === 0;
  const args: Cell[] = isLone
    ? []
    : [encode(rows.map((row) => varying.map((field) => row[field])))];
  const expressions = fields.map((field) => {
    const index = varying.indexOf(field);
    if (index >= 0) return `value ->> ${index}`;
    const shared = first[field];
    return shared === null ? "null" : `?${args.push(wellFormed(shared))}`;
  });
  const from = isLone ? "" : " from json_each(?1)";
  return {
    sql: `select ${expressions.join(", ")}${from}`,
    args,
    values: Object.fromEntries(fields.map((field, index) => [field, expressions[index]])) as Packed<
      Field
    >["values"],
    from,
    rows: rows.length,
  };
}

/** The same in as many statements as the bound on an argument asks for; mostly in one. */
export function packAll<Field extends string>(
  rows: readonly Cells<Field>[],
  fields: readonly Field[],
): Packed<Field>[] {
  if (rows.length === 0) return [];
  const packed = pack(rows, fields);
  const [json] = packed.args;
  const fits = typeof json !== "string" || json.length <= MAX_ARGUMENT_CHARS;
  if (fits || rows.length === 1) return [packed];
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
