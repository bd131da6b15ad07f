/**
 * What the store can be asked, as SQL; lists of actors are in `libsql_list.ts`. Every query finds
 * what it wants by an index and stops at its limit: none may cost more because more is asleep in
 * the database. `tests/store/query_plan_test.ts` holds that.
 */
import type { Address } from "../runtime/address.ts";
import { type Cell, packList, type Query } from "./libsql_pack.ts";
import {
  BASES,
  DEAD_LETTERS,
  EFFECTS,
  IDEMPOTENCY,
  JOURNAL,
  POOLS,
  SLOTS,
  STREAMS,
  TALLIES,
  TIMERS,
  WATCHES,
} from "./libsql_tables.ts";
import type {
  BaseRow,
  DeadLetterRow,
  EffectRow,
  IdempotencyRow,
  IndexValue,
  JournalQuery,
  JournalRow,
  PoolRow,
  SlotRow,
  StreamRow,
  Tally,
  TimerRow,
  WatchRow,
} from "./store.ts";

/** The one row that says who may write and where the journal stands. */
export type Head = {
  bootId: string;
  epoch: number;
  expiresAt: number;
  seq: number;
  prunedSeq: number;
  commits: number;
};

export function head(): Query<Head> {
  return {
    sql: `select json_object('bootId', boot_id, 'epoch', epoch, 'expiresAt', expires_at,
      'seq', seq, 'prunedSeq', pruned_seq, 'commits', commits) as row from head`,
    args: [],
  };
}

export function tallies(): Query<Tally> {
  return { sql: `select ${TALLIES.row} from tallies where count <> 0`, args: [] };
}

export function unattended(addresses: readonly Address[]): Query<{ address: Address }> {
  // Named, because the planner would rather walk all timers that are for others.
  const others = `timers indexed by timers_target
    where timers.target = actors.address and timers.target <> timers.address`;
  const ties = [
    "timers where timers.actor = actors.created_seq",
    others,
    "effects where effects.address = actors.address",
    "slots where slots.address = actors.address",
    "watches where watches.watcher = actors.address",
    "actors child where child.parent = actors.address and child.status = 'active'",
  ];
  return {
    sql: `select json_object('address', address) as row from actors
      where address in (select value from json_each(?1)) and status = 'active'
        and ${ties.map((tie) => `not exists (select 1 from ${tie})`).join(" and ")}`,
    args: [packList(addresses)],
  };
}

export function indexOf(address: Address): Query<IndexValue> {
  return {
    sql: `select json_object('name', name, 'value', value) as row from labels
      where created_seq = ${numberOf("?1")}
      order by name, value`,
    args: [address],
  };
}

export function findKeys(
  keys: readonly { address: Address; key: string }[],
): Query<JournalRow> {
  return {
    sql: `select ${JOURNAL.row} from json_each(?1) wanted
      cross join actors on actors.address = wanted.value ->> 0
      cross join journal on actor = created_seq and journal.key = wanted.value ->> 1`,
    args: [JSON.stringify(keys.map(({ address, key }) => [address, key.toWellFormed()]))],
  };
}

export function journal(query: JournalQuery): Query<JournalRow> {
  const args: Cell[] = [];
  const bind = (value: Cell) => `?${args.push(value)}`;
  const order = `order by seq ${query.descending ? "desc" : "asc"} limit ${bind(query.limit)}`;
  const where = ["true"];
  if (query.after !== undefined) where.push(`seq > ${bind(query.after)}`);
  if (query.before !== undefined) where.push(`seq < ${bind(query.before)}`);
  if (query.address !== undefined) where.push(`actor = ${numberOf(bind(query.address))}`);
  if (query.afterRevision !== undefined) where.push(`revision > ${bind(query.afterRevision)}`);
  if (query.upToRevision !== undefined) where.push(`revision <= ${bind(query.upToRevision)}`);
  if (query.kinds !== undefined) {
    const kinds = bind(packList(query.kinds));
    where.push(
      `substr(address, 1, instr(address, ':') - 1) in (select value from json_each(${kinds}))`,
    );
  }
  const matching = where.join(" and ");
  if (query.addresses === undefined) {
    return { sql: `select ${JOURNAL.row} from journal where ${matching} ${order}`, args };
  }
  // Of each address no more than the limit is looked at, whatever the length of its history.
  const addresses = bind(packList(query.addresses));
  return {
    sql: `select ${JOURNAL.row} from json_each(${addresses}) wanted
      cross join actors on actors.address = wanted.value
      cross join journal on seq in (
        select seq from journal where actor = created_seq and ${matching} ${order}
      ) ${order}`,
    args,
  };
}

export function baseOf(address: Address, revision: number): Query<BaseRow> {
  return {
    sql: `select ${BASES.row} from bases where address = ?1 and revision <= ?2
      order by revision desc limit 1`,
    args: [address, revision],
  };
}

export function nextTimerAt(after: number): Query<{ dueAt: number }> {
  return {
    sql: `select json_object('dueAt', due_at) as row from timers where due_at > ?1
      order by due_at limit 1`,
    args: [after],
  };
}

export function timersDue(now: number, limit: number): Query<TimerRow> {
  return {
    sql: `select ${TIMERS.row} from timers where due_at <= ?1
      order by due_at, number limit ?2`,
    args: [now, limit],
  };
}

export function timersOf(address: Address): Query<TimerRow> {
  return {
    sql: `select ${TIMERS.row} from timers where actor = ${numberOf("?1")}
      order by due_at, number`,
    args: [address],
  };
}

export function countTimers(): Query<{ count: number }> {
  return { sql: "select json_object('count', count(*)) as row from timers", args: [] };
}

export function listEffects(after: string, limit: number): Query<EffectRow> {
  return {
    sql: `select ${EFFECTS.row} from effects where key > ?1 order by key limit ?2`,
    args: [after, limit],
  };
}

export function effectsOf(address: Address): Query<EffectRow> {
  return {
    sql: `select ${EFFECTS.row} from effects where address = ?1 order by key`,
    args: [address],
  };
}

export function listSlots(after: number, limit: number): Query<SlotRow> {
  return {
    sql: `select ${SLOTS.row} from slots where seq > ?1 order by seq limit ?2`,
    args: [after, limit],
  };
}

export function slotsOf(address: Address): Query<SlotRow> {
  return {
    sql: `select ${SLOTS.row} from slots where address = ?1 order by seq`,
    args: [address],
  };
}

export function listWatches(after: string, limit: number): Query<WatchRow> {
  return {
    sql: `select ${WATCHES.row} from watches where key in (
        select distinct key from watches where key > ?1 order by key limit ?2
      ) order by key, target`,
    args: [after, limit],
  };
}

export function watchesOf(watcher: Address): Query<WatchRow> {
  return {
    sql: `select ${WATCHES.row} from watches where watcher = ?1 order by key, target`,
    args: [watcher],
  };
}

export function listPools(): Query<PoolRow> {
  return { sql: `select ${POOLS.row} from pools order by name`, args: [] };
}

export function listDeadLetters(after: number, limit: number): Query<DeadLetterRow> {
  return {
    sql: `select ${DEAD_LETTERS.row} from dead_letters where seq < ?1 and seq >= (
        select min(seq) from (
          select seq from dead_letters where seq < ?1 order by seq desc limit ?2
        )
      ) order by seq desc, id`,
    args: [after, limit],
  };
}

export function getDeadLetter(id: string): Query<DeadLetterRow> {
  return { sql: `select ${DEAD_LETTERS.row} from dead_letters where id = ?1`, args: [id] };
}

export function countDeadLetters(): Query<{ count: number }> {
  return { sql: "select json_object('count', count(*)) as row from dead_letters", args: [] };
}

export function getIdempotency(key: string): Query<IdempotencyRow> {
  return { sql: `select ${IDEMPOTENCY.row} from idempotency where key = ?1`, args: [key] };
}

export function getBlob(sha: string): Query<{ data: string }> {
  return { sql: "select json_object('data', data) as row from blobs where sha = ?1", args: [sha] };
}

export function readStream(
  { address, channel, after, limit }: {
    address: Address;
    channel: string;
    after: number;
    limit: number;
  },
): Query<StreamRow> {
  return {
    sql: `select ${STREAMS.row} from streams
      where address = ?1 and channel = ?2 and seq > ?3 order by seq limit ?4`,
    args: [address, channel, after, limit],
  };
}

export function lastStreamSeq(address: Address, channel: string): Query<{ seq: number }> {
  return {
    sql: `select json_object('seq', seq) as row from streams
      where address = ?1 and channel = ?2 order by seq desc limit 1`,
    args: [address, channel],
  };
}

/** The number by which some tables know an actor. */
function numberOf(address: string): string {
  return `(select created_seq from actors where address = ${address})`;
}
