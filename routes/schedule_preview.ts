/** `…/preview`: when a schedule is due next, of one that is there or of a rule that is not yet. */
import { z } from "@hono/zod-openapi";
import type { Json, JsonObject } from "../actors/runtime/json.ts";
import { asSchedule } from "../actors/schedule.ts";
import { type ScheduleRule, upcomingSlots } from "../machines/lib/schedule_rule.ts";
import { answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { Instant } from "./fields.ts";
import { ruleText } from "./lib/rule_text.ts";
import { iso } from "./lib/times.ts";
import { MAX_PREVIEW_SLOTS, PREVIEW_SLOTS } from "./limits.ts";
import { Time } from "./render.ts";
import { scheduleAddressOf } from "./schedule_address.ts";
import { RuleField, ruleOf, shownRule } from "./schedule_rule.ts";
import { scheduleParams } from "./schedule_view.ts";

const PreviewSchema = z.strictObject({
  schedule: RuleField,
  text: z.string().openapi({ example: "every day at 03:00, Europe/Berlin" }),
  slots: z.array(z.strictObject({
    at: Time,
    local: z.string().optional()
      .openapi({ description: "Of a cron: what clocks show there", example: "2026-03-29T03:30" }),
    offset: z.string().optional()
      .openapi({ description: "Of a cron: how far that is from UTC", example: "+02:00" }),
  })),
}).openapi("SchedulePreview");

const count = z.int().min(1).max(MAX_PREVIEW_SLOTS);

export function mountSchedulePreview(api: Api): void {
  mountRulePreview(api);
  mountIdPreview(api);
}

function mountRulePreview(api: Api): void {
  const { config } = api;
  mount(api, {
    method: "post",
    path: "/v1/schedules/preview",
    tag: "Schedules",
    summary: "Show when a rule would be due",
    body: z.strictObject({
      schedule: RuleField.optional(),
      count: count.default(PREVIEW_SLOTS),
      after: Instant.optional()
        .openapi({ description: "As if it were made then; by default now" }),
      expiresAt: Instant.nullable().default(null),
    }).openapi("SchedulePreviewBody"),
    answers: { 200: { description: "Its next slots", schema: PreviewSchema } },
  }, ({ body: { schedule, count, expiresAt, after = config.clock.now() } }) => {
    const rule = ruleOf(schedule, after);
    const slots = upcomingSlots(rule, after, { anchor: after, count });
    return Promise.resolve(answer(shown(rule, within(slots, expiresAt))));
  });
}

function mountIdPreview(api: Api): void {
  const { system, config } = api;
  mount(api, {
    method: "get",
    path: "/v1/schedules/{id}/preview",
    tag: "Schedules",
    summary: "Show when a schedule is due next",
    description: "As if it were not paused; no more slots than it has runs left.",
    params: scheduleParams,
    query: z.strictObject({
      count: z.coerce.number().pipe(count).default(PREVIEW_SLOTS),
    }),
    answers: { 200: { description: "Its next slots", schema: PreviewSchema } },
    refusals: [404],
  }, async ({ params, query }) => {
    const record = await system.get(scheduleAddressOf(params.id));
    const { plan, anchor, counts } = asSchedule(record.context);
    const left = (plan.maxRuns ?? Infinity) - counts.runs;
    const wanted = Math.max(0, Math.min(query.count, left));
    const slots = upcomingSlots(plan.rule, config.clock.now(), { anchor, count: wanted });
    return answer(shown(plan.rule, within(slots, plan.expiresAt)));
  });
}

function within(slots: readonly number[], expiresAt: number | null): number[] {
  return slots.filter((slot) => expiresAt === null || slot <= expiresAt);
}

function shown(rule: ScheduleRule, slots: readonly number[]): JsonObject {
  const zone = "timezone" in rule ? rule.timezone : undefined;
  return {
    schedule: shownRule(rule),
    text: ruleText(rule),
    slots: slots.map((at): Json => ({ at: iso(at), ...zone === undefined ? {} : local(at, zone) })),
  };
}

function local(at: number, timezone: string): JsonObject {
  const time = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone);
  return {
    local: time.toPlainDateTime().toString({ smallestUnit: "minute" }),
    offset: time.offset,
  };
}
