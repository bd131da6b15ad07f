/** Instants and spans as text for people and prompts, in a given time zone. */

/** `2026-03-29T01:00:00.000Z` of ms since the epoch. */
export function isoOf(at: number): string {
  return new Date(at).toISOString();
}

/** `2026-03-29` in the zone, by its local calendar. */
export function dateIn(timezone: string, at: number): string {
  const { year, month, day } = partsIn(timezone, at);
  return `${year}-${month}-${day}`;
}

/** `03:00` in the zone, by its local clock. */
export function timeIn(timezone: string, at: number): string {
  const { hour, minute } = partsIn(timezone, at);
  return `${hour}:${minute}`;
}

const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]] as const;

/** `2 d 3 h` of ms: the two largest units that are not zero; `0 s` for less than a second. */
export function spanOf(ms: number): string {
  let rest = Math.max(0, ms);
  const parts = UNITS.flatMap(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.length === 0 ? "0 s" : parts.slice(0, 2).join(" ");
}

function partsIn(timezone: string, at: number): { [part: string]: string } {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: timezone,
    ...{ year: "numeric", month: "2-digit", day: "2-digit" },
    ...{ hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  });
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
}
