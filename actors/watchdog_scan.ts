/**
 * Which actors the watchdog looks at. It goes through all that are active, cell by cell (kind and
 * state), a page at a time. Who is at work is looked at in every round, since work is limited; a
 * page of which all wait for somebody ends its cell's turn, and the next round goes on behind it.
 * So a round costs what works, and not what sleeps.
 */
import { z } from "zod";
import { ALERT_KIND } from "./alert.ts";
import type { System } from "./runtime/api.ts";
import type { ActorRecord } from "./runtime/kind.ts";
import { PAGE_MAX } from "./runtime/limits.ts";
import { isWaiting } from "./watchdog_findings.ts";

/** Pages of one round; what is left is looked at by the next. */
const MAX_PAGES = 50;
/** Cells whose place is remembered: as many as a job's memory holds. */
const MAX_PLACES = 200;

/** Where the last round ended. */
const ScanMemorySchema = z.object({
  /** The cell with which this round begins; null for the first. */
  next: z.string().nullable(),
  /** Cursors of cells that were not looked at to their end. */
  places: z.record(z.string(), z.string()),
});
export type ScanMemory = z.infer<typeof ScanMemorySchema>;

/** Actors of a kind in a state, or of a whole kind. */
type Cell = { key: string; kind: string; state: string | null };

/** What a job remembered; the beginning where it is none of ours. */
export function scanMemoryOf(memory: unknown): ScanMemory {
  const { success, data } = ScanMemorySchema.safeParse(memory);
  return success ? data : { next: null, places: {} };
}

/** Hands each page of this round to `look`, and says where the next one goes on. */
export async function scan(
  system: Pick<System, "list" | "stats" | "kinds">,
  memory: ScanMemory,
  look: (records: readonly ActorRecord[]) => Promise<void>,
): Promise<ScanMemory> {
  const cells = await cellsOf(system);
  const first = Math.max(0, cells.findIndex(({ key }) => key === memory.next));
  const places: Record<string, string> = {};
  for (const { key } of cells) {
    const place = memory.places[key];
    if (place !== undefined) places[key] = place;
  }
  let pages = 0;
  for (const cell of [...cells.slice(first), ...cells.slice(0, first)]) {
    for (let isOver = false; !isOver;) {
      if (pages === MAX_PAGES) return { next: cell.key, places: bounded(places) };
      const { items, nextCursor } = await pageOf(system, cell, places[cell.key]);
      pages += 1;
      await look(items);
      if (nextCursor === null) delete places[cell.key];
      else places[cell.key] = nextCursor;
      isOver = nextCursor === null || items.every(isWaiting);
    }
  }
  return { next: null, places: bounded(places) };
}

/** All cells with active actors, in a fixed order. */
async function cellsOf(system: Pick<System, "stats" | "kinds">): Promise<Cell[]> {
  const known = new Set(system.kinds().map(({ name }) => name));
  known.delete(ALERT_KIND);
  const states = new Map<string, string[]>();
  for (const { kind, state, status, count } of (await system.stats()).tallies) {
    if (status !== "active" || count === 0 || !known.has(kind)) continue;
    states.set(kind, [...states.get(kind) ?? [], state]);
  }
  return [...states].flatMap(([kind, names]) => cellsOfKind(kind, names))
    .sort((left, right) => left.key < right.key ? -1 : 1);
}

/** A list takes `|` for "or", so that states of that name cannot be asked for one by one. */
function cellsOfKind(kind: string, names: readonly string[]): Cell[] {
  if (names.some((name) => name.includes("|"))) return [{ key: kind, kind, state: null }];
  // A list of a state has those below it too.
  return names.filter((name) => !names.some((other) => name.startsWith(`${other}.`)))
    .map((state) => ({ key: `${kind} ${state}`, kind, state }));
}

function pageOf(system: Pick<System, "list">, cell: Cell, cursor: string | undefined) {
  return system.list(cell.kind, {
    ...{ status: "active", sort: "oldest", limit: PAGE_MAX },
    ...(cell.state === null ? {} : { state: cell.state }),
    ...(cursor === undefined ? {} : { cursor }),
  });
}

function bounded(places: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(places).slice(0, MAX_PLACES));
}
