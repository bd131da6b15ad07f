/**
 * What the watchdog takes for wrong, as sentences with their evidence: over all timers and effects,
 * and for actors that it is given. It decides by what is stored alone, so that it says the same
 * whoever asks; what becomes of a finding is not its business.
 */
import type { AlertKind } from "../machines/alert.ts";
import { isoOf } from "../machines/lib/times.ts";
import { ALERT_KIND } from "./alert.ts";
import { type Address, kindOf } from "./runtime/address.ts";
import type { System } from "./runtime/api.ts";
import { NotFoundError } from "./runtime/errors.ts";
import type { ActorRecord } from "./runtime/kind.ts";
import { PAGE_MAX } from "./runtime/limits.ts";

/** Something that is wrong with an actor. */
export type Finding = {
  readonly actor: Address;
  readonly kind: AlertKind;
  /** A sentence with the evidence. It stays the same for as long as that does. */
  readonly reason: string;
};

/** What is late by no more than this is not wrong, ms. */
export const LATE_MS = 2 * 60_000;

type Systems = Pick<System, "get" | "kinds" | "orphanedEffects" | "overdue" | "unattended">;

/** Timers that have not fired, and whether there may be more of them. */
export async function lateTimers(
  system: Pick<System, "overdue">,
): Promise<{ findings: Finding[]; isAll: boolean }> {
  const timers = await system.overdue({ lateMs: LATE_MS, limit: PAGE_MAX });
  const findings = timers.map(({ address, timer, dueAt }) => ({
    actor: address,
    kind: "overdue" as const,
    reason: `Its timer "${timer}" was due at ${isoOf(dueAt)} and has not fired`,
  }));
  return { findings: findings.filter(isWatched), isAll: timers.length < PAGE_MAX };
}

/** Effects that nobody carries out, and whether there may be more of them. */
export async function lostEffects(
  system: Pick<System, "orphanedEffects">,
): Promise<{ findings: Finding[]; isAll: boolean }> {
  const effects = await system.orphanedEffects({ lateMs: LATE_MS, limit: PAGE_MAX });
  const findings = effects.map(({ address, src, key }) => ({
    actor: address,
    kind: "orphaned" as const,
    reason: `Nobody carries out its effect "${src}", ${key}`,
  }));
  return { findings: findings.filter(isWatched), isAll: effects.length < PAGE_MAX };
}

/** What is wrong with actors, whose records were read at `now` or later. */
export async function findingsOf(
  system: Systems,
  records: readonly ActorRecord[],
  now: number,
): Promise<Finding[]> {
  // What the definition in force cannot take over is listed as blocked, and cannot be read.
  const living = records.filter(({ status, blocked }) => status === "active" && blocked === null);
  const vitals = new Map(system.kinds().map((kind) => [kind.name, kind.vitals]));
  return [
    ...living.flatMap((record) => {
      const { dueAt, limitAt, lastActivityAt, silentAfterMs } = vitals.get(record.kind)?.(record) ??
        {};
      return [
        ...late(record, dueAt, now),
        ...stuck(record, limitAt, now),
        ...silent(record, { lastActivityAt, silentAfterMs, now }),
      ];
    }),
    ...await unattended(system, living),
    ...await parentless(system, living),
  ];
}

/** An alert about an alert would be one more to watch, and so on without end. */
export function isWatched({ actor }: Pick<Finding, "actor">): boolean {
  return kindOf(actor) !== ALERT_KIND;
}

/** Whether the statechart says that it waits for somebody. */
export function isWaiting({ tags }: ActorRecord): boolean {
  return tags.includes("waiting");
}

function late({ address }: ActorRecord, dueAt: number | undefined, now: number): Finding[] {
  if (dueAt === undefined || now <= dueAt + LATE_MS) return [];
  const reason = `It was to go on by itself at ${isoOf(dueAt)} and has not`;
  return [{ actor: address, kind: "overdue", reason }];
}

function stuck(
  { address, state }: ActorRecord,
  limitAt: number | undefined,
  now: number,
): Finding[] {
  if (limitAt === undefined || now <= limitAt + LATE_MS) return [];
  const reason = `It is in state "${state}", which was to end by ${isoOf(limitAt)}`;
  return [{ actor: address, kind: "stuck", reason }];
}

function silent(
  { address }: ActorRecord,
  { lastActivityAt, silentAfterMs, now }: {
    lastActivityAt: number | undefined;
    silentAfterMs: number | undefined;
    now: number;
  },
): Finding[] {
  if (lastActivityAt === undefined || silentAfterMs === undefined) return [];
  if (now <= lastActivityAt + silentAfterMs) return [];
  const seconds = Math.round(silentAfterMs / 1_000);
  const reason = `It showed its last sign of life at ${isoOf(lastActivityAt)}, ` +
    `and is to show one every ${seconds} s`;
  return [{ actor: address, kind: "silent", reason }];
}

async function unattended(system: Systems, records: readonly ActorRecord[]): Promise<Finding[]> {
  const suspects = records.filter((record) => !isWaiting(record));
  if (suspects.length === 0) return [];
  const addresses = new Set(await system.unattended(suspects.map(({ address }) => address)));
  const found: Finding[] = [];
  for (const record of suspects) {
    if (!addresses.has(record.address) || !await isUnchanged(system, record)) continue;
    const { address, state } = record;
    const reason = `Nothing wakes it: it has no timer, effect, slot, watch or child, and its ` +
      `state "${state}" waits for nobody`;
    found.push({ actor: address, kind: "unattended", reason });
  }
  return found;
}

/** A child lives no longer than its parent: one that does has been forgotten. */
async function parentless(system: Systems, records: readonly ActorRecord[]): Promise<Finding[]> {
  const statuses = new Map<Address, string>();
  const found: Finding[] = [];
  for (const record of records) {
    const { address, parent } = record;
    if (parent === null) continue;
    const status = statuses.get(parent) ?? (await find(system, parent))?.status ?? "missing";
    statuses.set(parent, status);
    if (status === "active" || !await isUnchanged(system, record)) continue;
    const reason = `It goes on, though its parent ${parent} is ${status}`;
    found.push({ actor: address, kind: "orphaned", reason });
  }
  return found;
}

/** What was read in two parts is true where nothing has happened between and since. */
async function isUnchanged(system: Systems, { address, revision }: ActorRecord): Promise<boolean> {
  const record = await find(system, address);
  return record?.status === "active" && record.revision === revision;
}

/** An actor, where there is one. */
export async function find(
  system: Pick<System, "get">,
  address: Address,
): Promise<ActorRecord | undefined> {
  try {
    return await system.get(address);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
