/** What the server counts, as text for people. */
import { layOut } from "./output.ts";
import type { ServerStats } from "./server_stats.ts";

export function statsText({ health, actors, pools, figures }: ServerStats): string {
  const reason = health.reason === null ? "" : `: ${health.reason}`;
  const figureRows = Object.entries(figures).sort(([a], [b]) => a < b ? -1 : 1);
  return [
    `Server is ${health.status}${reason}`,
    block(layOut(actors, [
      { title: "KIND", value: ({ kind }) => kind },
      { title: "STATE", value: ({ state }) => state },
      { title: "STATUS", value: ({ status }) => status },
      { title: "ACTORS", value: ({ count }) => count, align: "right" },
    ])),
    block(layOut(pools, [
      { title: "POOL", value: ({ name }) => name },
      { title: "LIMIT", value: ({ limit }) => limit, align: "right" },
      { title: "HELD", value: ({ held }) => held, align: "right" },
      { title: "WAITING", value: ({ waiting }) => waiting, align: "right" },
    ])),
    block(layOut(figureRows, [
      { title: "FIGURE", value: ([name]) => name },
      { title: "VALUE", value: ([, value]) => shortNumber(value), align: "right" },
    ])),
  ].filter((text) => text !== "").join("\n\n");
}

/** A table that has a row beside its titles. */
function block(lines: readonly string[]): string {
  return lines.length > 1 ? lines.join("\n") : "";
}

function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}
