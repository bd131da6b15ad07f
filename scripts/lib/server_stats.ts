/** What a running server counts: its figures for Prometheus, its pools and its health, as one. */
import { z } from "zod";
import { pageOf } from "./answers.ts";
import type { Client } from "./client.ts";
import { parseMetrics } from "./metrics_text.ts";

const PREFIX = "holdfast_";
/** Pools that are shown; there may be one for each workspace and key. */
const MAX_POOLS = 200;

const Health = z.looseObject({ status: z.string(), reason: z.string().nullable() });
const Pool = z.looseObject({
  name: z.string(),
  limit: z.number().nullable(),
  held: z.number(),
  waiting: z.number(),
});

export type ServerStats = {
  health: z.infer<typeof Health>;
  actors: { kind: string; state: string; status: string; count: number }[];
  pools: z.infer<typeof Pool>[];
  /** Figures without labels, by their name without `holdfast_`. */
  figures: { readonly [name: string]: number };
};

export async function readStats(client: Client): Promise<ServerStats> {
  const samples = parseMetrics(await client.text("/metrics"));
  const actors = samples.filter(({ name }) => name === `${PREFIX}actors`);
  const plain = samples.filter(({ labels }) => Object.keys(labels).length === 0);
  const query = { limit: MAX_POOLS };
  return {
    health: await client.get("/readyz", { schema: Health, alsoOn: [503] }),
    actors: actors.map(({ labels: { kind = "", state = "", status = "" }, value }) => {
      return { kind, state, status, count: value };
    }),
    pools: (await client.get("/v1/pools", { schema: pageOf(Pool), query })).items,
    figures: Object.fromEntries(plain.map(({ name, value }) => [name.replace(PREFIX, ""), value])),
  };
}
