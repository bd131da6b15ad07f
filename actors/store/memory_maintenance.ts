/** The care of a memory store: looking for what must not be. */
import { StoreError } from "../runtime/errors.ts";
import type { MemoryData } from "./memory_data.ts";

/** Throws `StoreError("corrupt")` with what is wrong. */
export function checkContent(data: MemoryData): void {
  const problems = [...journalProblems(data), ...orphanProblems(data), ...tallyProblems(data)];
  if (problems.length === 0) return;
  throw new StoreError("corrupt", `Cannot trust the store: ${problems.join("; ")}`);
}

function journalProblems(data: MemoryData): string[] {
  const { head, journal, actors, histories } = data;
  const found = journal.filter(({ seq }) => seq > head.prunedSeq).length;
  const want = head.seq - head.prunedSeq;
  const gap = `${found} journal rows after seq ${head.prunedSeq}, want ${want}`;
  const ahead = [...actors.values()].filter(({ address, revision }) =>
    (histories.get(address)?.at(-1)?.revision ?? 0) > revision
  ).map(({ address, revision }) =>
    `${address} is at revision ${revision}, its journal goes further`
  );
  return [...found === want ? [] : [gap], ...ahead, ...baseProblems(data)];
}

/** A history that does not begin with the actor's creation begins at a base. */
function baseProblems({ actors, histories, bases }: MemoryData): string[] {
  return [...actors.values()].flatMap(({ address, revision }) => {
    const first = histories.get(address)?.[0]?.revision ?? 1;
    const isFoldable = first <= 1 ||
      (bases.get(address) ?? []).some((base) =>
        base.revision >= first - 1 && base.revision <= revision
      );
    const begins = `the journal of ${address} begins at revision ${first}`;
    return isFoldable ? [] : [`${begins}, and no base is before it`];
  });
}

function orphanProblems({ actors, timers, slots, watches, effects }: MemoryData): string[] {
  const owners = [
    ...timers.values().map(({ id, address }) => ({ row: `${id} of timers`, address })),
    ...slots.values().map(({ key, address }) => ({ row: `${key} of slots`, address })),
    ...watches.values().map(({ key, watcher }) => ({ row: `${key} of watches`, address: watcher })),
    ...effects.values().filter(({ type }) => type === "invoke").map(({ key, address }) => ({
      row: `${key} of effects`,
      address,
    })),
  ];
  return owners.flatMap(({ row, address }) => {
    const status = actors.get(address)?.status ?? "missing";
    return status === "active" ? [] : [`${row} belongs to ${address}, which is ${status}`];
  });
}

function tallyProblems({ actors, tallies }: MemoryData): string[] {
  const counts = new Map<string, number>();
  for (const { kind, state, status } of actors.values()) {
    const key = JSON.stringify([kind, state, status]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...new Set([...counts.keys(), ...tallies.keys()])].flatMap((key) => {
    const difference = (tallies.get(key)?.count ?? 0) - (counts.get(key) ?? 0);
    return difference === 0 ? [] : [`tally of ${key} is off by ${difference}`];
  });
}
