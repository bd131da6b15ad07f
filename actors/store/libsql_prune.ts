/**
 * Cutting old history, as one commit: ended actors are archived behind a base at their last
 * revision, and actors that go on lose what is before a base of theirs that is old enough. What
 * nothing refers to any more goes with it. The cost is that of what is cut, whatever else is there.
 */
import { advance, type Fence } from "./libsql_commit.ts";
import type { Connection } from "./libsql_connection.ts";
import { readHead } from "./libsql_lease.ts";
import { packList, type Query, type Statement } from "./libsql_pack.ts";
import type { PruneReport, PruneRequest } from "./store.ts";

/** A base behind which an actor's journal is to be cut: the actor's number and address, the seq. */
export type DueBase = [actor: number, address: string, seq: number];

/** Cuts what the request allows. */
export async function prune(
  connection: Connection,
  fence: Fence,
  request: PruneRequest,
): Promise<PruneReport> {
  const { limit, rows } = request;
  const { seq } = await readHead(connection);
  const ended = await connection.select(listEnded(request.endedBefore, limit));
  const due = await connection.select(listDue(request.basesBefore, limit));
  const bases = due.reduce((sum, { count }) => sum + count, 0);
  const steps = {
    head: advance(fence, { seq, before: seq, updates: 0 }),
    ...archive(ended.map(({ address }) => address), { now: request.now, seq }),
    ...cut(due.map(({ base }) => base), rows),
    idempotency: {
      // The oldest were inserted first, so there is no need for an index on the time.
      sql: `delete from idempotency where at < ?1
        and rowid in (select rowid from idempotency order by rowid limit ?2)`,
      args: [request.idempotencyBefore, limit],
    },
  };
  const changed = await connection.batch(Object.values(steps));
  const names = Object.keys(steps);
  const count = (name: keyof typeof steps) => changed[names.indexOf(name)] ?? 0;
  const [actors, cutRows, idempotency] = [
    count("actors"),
    count("cutJournal"),
    count("idempotency"),
  ];
  return {
    actors,
    journalRows: count("journal"),
    cut: cutRows,
    streamRows: count("streams"),
    blobs: count("blobs") + count("cutBlobs"),
    idempotency,
    isFull: Math.max(actors, bases, idempotency) >= limit || cutRows >= rows,
  };
}

/** Actors that are to be archived, oldest first. */
export function listEnded(before: number, limit: number): Query<{ address: string }> {
  return {
    sql: `select json_object('address', address) as row from actors indexed by actors_ended
      where status <> 'active' and archived_at is null and updated_at < ?1
      order by updated_at limit ?2`,
    args: [before, limit],
  };
}

/** Of each actor with bases that are old enough the newest, and how many there are. */
export function listDue(before: number, limit: number): Query<{ base: DueBase; count: number }> {
  return {
    sql: `select json_object('base', json_array(created_seq, address, max(due.seq)),
        'count', count(*)) as row
      from (
        select address as owner, seq from bases indexed by bases_uncut
        where cut = 0 and at < ?1 order by at limit ?2
      ) due cross join actors on actors.address = due.owner
      group by created_seq`,
    args: [before, limit],
  };
}

const LISTED = "(select value from json_each(?1))";
const NUMBERS = `(select created_seq from actors where address in ${LISTED})`;

/** Keeps the last snapshot as the base from which nothing need be folded, and cuts all before. */
export function archive(
  addresses: readonly string[],
  { now, seq }: { now: number; seq: number },
) {
  const list = packList(addresses);
  const statement = (sql: string): Statement => ({ sql, args: [list] });
  return {
    formerBases: statement(`delete from bases where address in ${LISTED}`),
    bases: {
      sql: `insert into bases (address, revision, version, snapshot, at, seq, cut)
        select address, revision, version, snapshot, updated_at, ?2, 1
        from actors where address in ${LISTED}`,
      args: [list, seq],
    },
    actors: {
      sql: `update actors set archived_at = ?2 where address in ${LISTED}`,
      args: [list, now],
    },
    horizon: statement(`update head set pruned_seq = max(pruned_seq, coalesce(
      (select max(seq) from journal where actor in ${NUMBERS}), 0))`),
    journal: statement(`delete from journal where actor in ${NUMBERS}`),
    streams: statement(`delete from streams where address in ${LISTED}`),
    blobs: statement(release(hasEnded).blobs),
    owners: statement(release(hasEnded).owners),
  };
}

const DUE = "json_each(?1) due";
const [ACTOR, ADDRESS, SEQ] = ["due.value ->> 0", "due.value ->> 1", "due.value ->> 2"];

/** Cuts journals behind bases, the bases before them too; at most so many rows of the journals. */
export function cut(due: readonly DueBase[], rows: number) {
  const list = JSON.stringify(due);
  const statement = (sql: string): Statement => ({ sql, args: [list] });
  const past = `select journal.seq from ${DUE}
    cross join journal on actor = ${ACTOR} and journal.seq <= ${SEQ}`;
  return {
    cutBases: statement(`delete from bases where rowid in (
      select bases.rowid from ${DUE}
      cross join bases on bases.address = ${ADDRESS} and bases.seq < ${SEQ})`),
    cutHorizon: statement(`update head set pruned_seq = max(pruned_seq, coalesce((
      select max((select max(seq) from journal where actor = ${ACTOR} and seq <= ${SEQ}))
      from ${DUE}), 0))`),
    cutJournal: {
      sql: `delete from journal where seq in (${past} limit ?2)`,
      args: [list, rows],
    },
    // What is left of the journal up to a base waits for the next call.
    cutDone: statement(`update bases set cut = 1 where rowid in (
      select bases.rowid from ${DUE}
      cross join bases on bases.address = ${ADDRESS} and bases.seq = ${SEQ}
      where not exists (select 1 from journal where actor = ${ACTOR} and journal.seq <= ${SEQ}))`),
    cutBlobs: statement(release(isPast).blobs),
    cutOwners: statement(release(isPast).owners),
  };
}

/** Whether an owner's reference to a blob is gone with what is cut. */
type LetGo = (owner: string) => string;

/** With its history gone, an actor refers to a blob by its snapshot or not at all. */
const hasEnded: LetGo = (owner) =>
  `${owner}.address in ${LISTED} and not ${isIn("snapshot", "actors", owner)}`;

/** No event after the base refers to it, and nothing from before that is still there. */
const isPast: LetGo = (owner) =>
  `${owner}.address in (select ${ADDRESS} from ${DUE})
    and ${owner}.seq <= (select ${SEQ} from ${DUE} where ${ADDRESS} = ${owner}.address)
    and not ${isIn("snapshot", "actors", owner)}
    and not ${isIn("snapshot", "bases", owner)}
    and not ${isIn("input", "effects", owner)}
    and not ${isIn("event", "dead_letters", owner)}
    and not exists (select 1 from actors cross join timers on actor = created_seq
      where actors.address = ${owner}.address and instr(event, ${owner}.sha) > 0)`;

function isIn(text: string, table: string, owner: string): string {
  return `exists (select 1 from ${table}
    where ${table}.address = ${owner}.address and instr(${text}, ${owner}.sha) > 0)`;
}

/** Takes away blobs that nobody refers to any more. */
function release(hasLetGo: LetGo): { blobs: string; owners: string } {
  return {
    // Before the owners: the reference is checked when all is done.
    blobs: `delete from blobs where sha in (
        select sha from blob_owners as owner where ${hasLetGo("owner")}
      ) and not exists (
        select 1 from blob_owners as keeper
        where keeper.sha = blobs.sha and not (${hasLetGo("keeper")})
      )`,
    owners: `delete from blob_owners where ${hasLetGo("blob_owners")}`,
  };
}
