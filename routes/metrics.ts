/**
 * `/metrics` in Prometheus' text format. Every label comes from a closed set: kinds, states,
 * routes, and the first word of a pool's name, since the rest of it is the caller's.
 */
import { z } from "@hono/zod-openapi";
import { ALERT_KIND } from "../actors/alert.ts";
import type { Health, PoolStatus, Stats } from "../actors/runtime/api.ts";
import { type Api, mount } from "./endpoint.ts";
import { type HttpMetrics, LATENCY_BUCKETS_S } from "./http_metrics.ts";

const TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** First words of pools' names that get a label of their own. */
const MAX_POOL_GROUPS = 20;

type Labels = { readonly [name: string]: string | number };
type Sample = { suffix?: string; labels?: Labels; value: number };
type Family = { name: string; type: "gauge" | "counter" | "histogram" | "summary"; help: string };

export function mountMetrics(api: Api): void {
  const { system, metrics, streams } = api;
  mount(api, {
    method: "get",
    path: "/metrics",
    tag: "Metrics",
    summary: "Show figures for Prometheus",
    answers: { 200: { description: "Figures", schema: z.string(), media: ["text/plain"] } },
  }, async () => {
    const stats = await system.stats();
    const text = [
      ...runtimeFamilies(stats, system.health()),
      ...poolFamilies(system.pools()),
      ...httpFamilies(metrics, streams.count()),
    ].join("");
    return new Response(text, { headers: { "content-type": TYPE } });
  });
}

function runtimeFamilies(stats: Stats, health: Health): string[] {
  const gauge = (name: string, help: string, value: number) =>
    family({ name, type: "gauge", help }, [{ value }]);
  const counter = (name: string, help: string, value: number) =>
    family({ name, type: "counter", help }, [{ value }]);
  return [
    gauge("ready", "1 when the system can do its work.", health.status === "ready" ? 1 : 0),
    family(
      { name: "actors", type: "gauge", help: "Actors by kind and state." },
      stats.tallies.map(({ kind, state, status, count }) => ({
        labels: { kind, state, status },
        value: count,
      })),
    ),
    gauge("alerts_raised", "Alerts that hold.", raisedAlerts(stats)),
    gauge("last_seq", "Sequence number of the last committed event.", stats.lastSeq),
    counter("transitions_total", "Events applied.", stats.transitions),
    counter("events_refused_total", "Events that a state did not accept.", stats.refused),
    counter("events_duplicate_total", "Events answered with an earlier receipt.", stats.duplicates),
    counter("events_obsolete_total", "Results and timers that came too late.", stats.obsolete),
    gauge("dead_letters", "Events that could not be applied.", stats.deadLetters),
    gauge("events_queued", "Events waiting in mailboxes.", stats.queued),
    gauge("actors_cached", "Actors held in memory.", stats.cached),
    gauge("effects_running", "Effects at work.", stats.effectsRunning),
    gauge("effects_waiting", "Effects owed and not at work.", stats.effectsWaiting),
    counter("effect_retries_total", "Attempts of effects after the first.", stats.effectRetries),
    counter("timers_fired_total", "Timers fired.", stats.timersFired),
    gauge("feed_readers", "Readers of the feed.", stats.feedReaders),
    family({ name: "commit_seconds", type: "summary", help: "Time that commits took." }, [
      { suffix: "_sum", value: stats.commitSeconds.sum },
      { suffix: "_count", value: stats.commitSeconds.count },
    ]),
  ];
}

function raisedAlerts({ tallies }: Stats): number {
  const raised = tallies.filter(({ kind, state }) => kind === ALERT_KIND && state === "raised");
  return raised.reduce((sum, { count }) => sum + count, 0);
}

function poolFamilies(pools: readonly PoolStatus[]): string[] {
  const sums = new Map<string, { held: number; waiting: number }>();
  for (const { name, held, waiting } of pools) {
    const word = name.split(":", 1)[0] ?? name;
    const group = sums.has(word) || sums.size < MAX_POOL_GROUPS ? word : "other";
    const sum = sums.get(group) ?? { held: 0, waiting: 0 };
    sums.set(group, { held: sum.held + held, waiting: sum.waiting + waiting });
  }
  const samples = (field: "held" | "waiting") =>
    [...sums].map(([group, sum]) => ({ labels: { pool: group }, value: sum[field] }));
  return [
    family({ name: "pool_held", type: "gauge", help: "Places held." }, samples("held")),
    family({ name: "pool_waiting", type: "gauge", help: "Requests waiting." }, samples("waiting")),
  ];
}

function httpFamilies(metrics: HttpMetrics, streams: number): string[] {
  const { buckets, count, sumSeconds } = metrics.latency();
  return [
    family(
      { name: "http_requests_total", type: "counter", help: "Requests answered." },
      metrics.requests().map(({ method, route, status, count }) => ({
        labels: { method, route, status },
        value: count,
      })),
    ),
    family(
      { name: "http_request_seconds", type: "histogram", help: "Time to an answer's head." },
      [
        ...buckets.map((value, i) => ({
          suffix: "_bucket",
          labels: { le: LATENCY_BUCKETS_S[i] ?? "+Inf" },
          value,
        })),
        { suffix: "_bucket", labels: { le: "+Inf" }, value: count },
        { suffix: "_sum", value: sumSeconds },
        { suffix: "_count", value: count },
      ],
    ),
    family({ name: "http_streams", type: "gauge", help: "Streams open." }, [{ value: streams }]),
  ];
}

function family({ name, type, help }: Family, samples: readonly Sample[]): string {
  const full = `holdfast_${name}`;
  const lines = samples.map(({ suffix = "", labels = {}, value }) =>
    `${full}${suffix}${labelText(labels)} ${value}\n`
  );
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${escaped(String(value))}"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
