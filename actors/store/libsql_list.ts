/**
 * Lists of actors as SQL. A page is found by walking an index in the order of creation and
 * stopping at the limit. Where the wanted actors lie in several stretches of an index (states of
 * a kind, outdated versions), each stretch is walked for one page at most and the pages are
 * merged; the stretches themselves are found by leaping from one to the next. So a page costs the
 * same whether the database holds a thousand actors or a hundred million.
 */
import type { Address } from "../runtime/address.ts";
import { type Cell, packList, type Query } from "./libsql_pack.ts";
import { ACTORS } from "./libsql_tables.ts";
import type { ActorQuery, ActorRow, IndexValue } from "./store.ts";

/** Later than any actor. */
const END = Number.MAX_SAFE_INTEGER;

type Bind = (value: Cell) => string;

export function loadActors(addresses: readonly Address[]): Query<ActorRow> {
  return {
    sql: `select ${ACTORS.row} from actors
      where address in (select value from json_each(?1))`,
    args: [packList(addresses)],
  };
}

export function listActors(query: ActorQuery): Query<ActorRow> {
  const args: Cell[] = [];
  const bind: Bind = (value) => `?${args.push(value)}`;
  const direction = query.ascending ? "asc" : "desc";
  const limit = bind(query.limit);
  const after = bind(query.after ?? (query.ascending ? -1 : END));
  const page = {
    after: `created_seq ${query.ascending ? ">" : "<"} ${after}`,
    order: `order by created_seq ${direction} limit ${limit}`,
  };
  const found = query.index !== undefined && query.index.length > 0
    ? byLabel(query, query.index, { bind, page })
    : query.parent !== undefined || query.blocked === true
    ? byOneIndex(query, { bind, page })
    : byCell(query, { bind, page });
  return {
    sql: `select ${ACTORS.row} from actors where created_seq in (${found}) ${page.order}`,
    args,
  };
}

export function listOutdated(
  { kind, version, after, limit }: { kind: string; version: string; after: number; limit: number },
): Query<ActorRow> {
  const active = "kind = ?1 and status = 'active'";
  return {
    sql: `with recursive stretch (version) as (
        select min(version) from actors where ${active}
        union all
        select (select min(version) from actors where ${active} and version > stretch.version)
        from stretch where version is not null
      )
      select ${ACTORS.row} from actors where created_seq in (
        select created_seq from stretch cross join actors on created_seq in (
          select created_seq from actors
          where ${active} and version = stretch.version and created_seq > ?3
          order by created_seq limit ?4
        )
        where stretch.version <> ?2 order by created_seq limit ?4
      ) order by created_seq`,
    args: [kind, version, after, limit],
  };
}

export function versions(kind: string): Query<{ version: string; count: number }> {
  return {
    sql: `select json_object('version', version, 'count', count(*)) as row from actors
      where kind = ?1 and status = 'active' group by version`,
    args: [kind],
  };
}

type Walk = { bind: Bind; page: { after: string; order: string } };

/** Through the stretches of `(kind, status, state)`. */
function byCell(query: ActorQuery, { bind, page }: Walk): string {
  const index = query.archived ? "actors_archived" : "actors_cell";
  const cells = `select created_seq from actors indexed by ${index} where ${scopeOf(query)}`;
  const kind = query.kind === undefined ? "kind > ''" : `kind = ${bind(query.kind)}`;
  const blocked = query.blocked === undefined ? "" : "and blocked is null";
  const stretches = ["true"];
  if (query.status !== undefined) stretches.push(`cell.status = ${bind(query.status)}`);
  if (query.state !== undefined) stretches.push(isState("cell.state", bind(states(query.state))));
  // One comparison of rows would say the same, but SQLite walks from where it starts.
  const leaps = [
    "kind = cell.kind and status = cell.status and state > cell.state order by state limit 1",
    "kind = cell.kind and status > cell.status order by status, state limit 1",
    ...query.kind === undefined ? ["kind > cell.kind order by kind, status, state limit 1"] : [],
  ].map((leap) => `(${cells} and ${leap})`);
  return `with recursive cell (kind, status, state) as (
      select kind, status, state from actors where created_seq = (
        ${cells} and ${kind} order by kind, status, state limit 1
      )
      union all
      select next.kind, next.status, next.state from cell join actors next
      on next.created_seq = coalesce(${leaps.join(", ")})
    )
    select created_seq from cell cross join actors on created_seq in (
      ${cells} and kind = cell.kind and status = cell.status and state = cell.state
        and ${page.after} ${blocked} ${page.order}
    )
    where ${stretches.join(" and ")} ${page.order}`;
}

/** Through a parent's children, or through those that are blocked. */
function byOneIndex(query: ActorQuery, { bind, page }: Walk): string {
  const where = [page.after, ...matches(query, bind)];
  const index = query.parent === undefined ? "actors_blocked" : "actors_parent";
  return `select created_seq from actors indexed by ${index}
    where ${where.join(" and ")} ${page.order}`;
}

/** Through those that carry the first label; the others are looked up for each. */
function byLabel(query: ActorQuery, labels: readonly IndexValue[], { bind, page }: Walk): string {
  const [first, ...others] = labels.map(({ name, value }) =>
    `labels.name = ${bind(name)} and labels.value = ${bind(value.toWellFormed())}`
  );
  const kind = query.kind === undefined ? `in (${LABELLED_KINDS})` : `= ${bind(query.kind)}`;
  const where = [
    `labels.kind ${kind} and ${first} and labels.${page.after}`,
    ...matches(query, bind),
    ...others.map((other) =>
      `exists (select 1 from labels where labels.kind = actors.kind and ${other}
        and labels.created_seq = actors.created_seq)`
    ),
  ];
  return `select labels.created_seq from labels
    cross join actors on actors.created_seq = labels.created_seq
    where ${where.join(" and ")} ${page.order.replace("created_seq", "labels.created_seq")}`;
}

const LABELLED_KINDS = `with recursive known (kind) as (
    select min(kind) from labels
    union all
    select (select min(kind) from labels where kind > known.kind) from known
    where kind is not null
  ) select kind from known`;

/** What the query asks of an actor that some other index has found. */
function matches(query: ActorQuery, bind: Bind): string[] {
  const where = [scopeOf(query)];
  if (query.kind !== undefined) where.push(`actors.kind = ${bind(query.kind)}`);
  if (query.parent !== undefined) where.push(`parent = ${bind(query.parent)}`);
  if (query.status !== undefined) where.push(`status = ${bind(query.status)}`);
  if (query.state !== undefined) where.push(isState("state", bind(states(query.state))));
  if (query.blocked !== undefined) where.push(`blocked is ${query.blocked ? "not " : ""}null`);
  return where;
}

function scopeOf({ archived }: ActorQuery): string {
  return `archived_at is ${archived ? "not " : ""}null`;
}

function states(state: string): string {
  return packList(state.split("|"));
}

/** Whether a state is one of the list, or below one. */
function isState(state: string, list: string): string {
  return `exists (select 1 from json_each(${list}) wanted where ${state} = wanted.value
    or substr(${state}, 1, length(wanted.value) + 1) = wanted.value || '.')`;
}
