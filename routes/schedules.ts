/**
 * `/v1/schedules`: making, listing, showing and patching schedules, tasks that are made again and
 * again. What is done to them besides is in `schedule_actions.ts`, when they are due in
 * `schedule_preview.ts`.
 */
import { z } from "@hono/zod-openapi";
import type { ListQuery } from "../actors/runtime/api.ts";
import type { Json, JsonObject } from "../actors/runtime/json.ts";
import { asSchedule, SCHEDULE_KIND, SCHEDULE_OWNER, SYSTEM_SCOPE } from "../actors/schedule.ts";
import { DEFAULT_SCOPE } from "../machines/schedule_context.ts";
import type { SchedulePlan } from "../machines/schedule_input.ts";
import type { Answer } from "./answer.ts";
import { parseJson } from "./body.ts";
import { callerHeaders, CallerName, callerOf } from "./caller.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { type InputFault, invalidInput } from "./errors.ts";
import { mergePatch } from "./lib/merge_patch.ts";
import { defined, pageAnswer, pageFields, pageOf, sortField } from "./paging.ts";
import { checkMayChange, mountScheduleActions } from "./schedule_actions.ts";
import { scheduleAddressOf } from "./schedule_address.ts";
import { NewSchedule, PATCHABLE, ScheduleBody, SchedulePatch } from "./schedule_body.ts";
import { planBodyOf, planOf } from "./schedule_plan.ts";
import { mountSchedulePreview } from "./schedule_preview.ts";
import { isOtherForm } from "./schedule_rule.ts";
import {
  scheduleAnswer,
  type ScheduleParams,
  scheduleParams,
  ScheduleSchema,
  showSchedule,
} from "./schedule_view.ts";
import { parseInput } from "./validation.ts";

const STATES = ["active", "paused", "deleted"] as const;

/** What a list shows unless it is asked for others. */
const PRESENT = "active|paused";

const PATCH_MEDIA = ["application/json", "application/merge-patch+json"];

export function mountSchedules(api: Api): void {
  mountCreate(api);
  mountList(api);
  mountSchedulePreview(api);
  mountGet(api);
  mountPatch(api);
  mountScheduleActions(api);
}

function mountCreate(api: Api): void {
  const { system, config } = api;
  mount(api, {
    method: "post",
    path: "/v1/schedules",
    tag: "Schedules",
    summary: "Make a schedule",
    description: "Its first slot is the first after now. What is wrong with `schedule` itself is " +
      "answered with 400, `urn:holdfast:problem:invalid-schedule`.",
    headers: callerHeaders,
    body: NewSchedule,
    answers: { 201: { description: "The new schedule", schema: ScheduleSchema } },
    refusals: [409],
  }, async ({ c, body: { id = system.newId(SCHEDULE_KIND), scope, ...body }, once }) => {
    const caller = callerOf(c);
    if (scope === SYSTEM_SCOPE) {
      throw invalidInput([{ pointer: "/scope", detail: `"${scope}" is the server's own` }]);
    }
    const input = {
      id,
      plan: await planOf(api, body),
      scope: scope ?? ownScope(caller.scope),
      ...(caller.name === null ? {} : { createdBy: caller.name }),
      createdAt: config.clock.now(),
    };
    return await once.commit(
      (options) => system.spawn(SCHEDULE_KIND, id, input, options),
      (record) => scheduleAnswer(record, 201),
    );
  });
}

function mountList(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/schedules",
    tag: "Schedules",
    summary: "List schedules",
    query: z.strictObject({
      status: z.enum(STATES).optional()
        .openapi({ description: "By default those that are not deleted" }),
      scope: CallerName.optional().openapi({
        description: "Of this scope; `system` lists the server's own jobs, which are left out else",
      }),
      sort: sortField,
      ...pageFields,
    }),
    answers: { 200: { description: "A page of schedules", schema: pageOf(ScheduleSchema) } },
  }, async ({ query: { status = PRESENT, scope, ...page } }) => {
    const index = scope === undefined
      ? { name: SCHEDULE_OWNER, value: "user" }
      : { name: "scope", value: scope };
    const list = { state: status, index: [index], ...defined(page) } as ListQuery;
    return pageAnswer(await api.system.list(SCHEDULE_KIND, list), showSchedule);
  });
}

function mountGet(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/schedules/{id}",
    tag: "Schedules",
    summary: "Show a schedule",
    params: scheduleParams,
    answers: { 200: { description: "The schedule", schema: ScheduleSchema } },
    refusals: [404],
  }, async ({ params }) => scheduleAnswer(await api.system.get(scheduleAddressOf(params.id))));
}

function mountPatch(api: Api): void {
  mount(api, {
    method: "patch",
    path: "/v1/schedules/{id}",
    tag: "Schedules",
    summary: "Change a schedule",
    description:
      "A JSON merge patch: what it names takes the place of what is there, also inside " +
      "`task`; null takes it away. The whole is then checked as a new one would be, and applied " +
      "at once or not at all. Without a revision it changes what it read: of two patches at " +
      "once, one is answered with 412.",
    headers: callerHeaders,
    params: scheduleParams,
    body: SchedulePatch,
    rawBody: PATCH_MEDIA,
    answers: { 200: { description: "The schedule after it", schema: ScheduleSchema } },
    refusals: [404, 409, 412],
  }, (call) => patch(api, call));
}

async function patch(
  api: Api,
  { c, params, raw, expectRevision: match }: Call<ScheduleParams, unknown, unknown>,
): Promise<Answer> {
  const { system } = api;
  const address = scheduleAddressOf(params.id);
  // Values that are hidden from people stay as they are.
  const record = await system.get(address, { unredacted: true });
  checkMayChange(record, callerOf(c), "change");
  const { changes, expectRevision = record.revision } = readPatch(raw.text, match);
  const inForce = asSchedule(record.context);
  const body = parseInput(ScheduleBody, merge(inForce.plan, changes), "body");
  const event = { type: "schedule.configure", plan: await planOf(api, body, inForce) };
  await system.send(address, event, { expectRevision });
  return scheduleAnswer(await system.get(address));
}

/** The fields that are to change, and the revision that is to be changed. */
function readPatch(
  text: string,
  match: number | undefined,
): { changes: JsonObject; expectRevision?: number } {
  const given = parseJson(text);
  const { expectedRevision, ...changes } = parseInput(SchedulePatchObject, given, "body");
  const fixed = Object.keys(given as object)
    .filter((field) => field !== "expectedRevision" && !PATCHABLE.includes(field));
  if (fixed.length > 0) throw invalidInput(fixed.map(notChangeable));
  if (match !== undefined && expectedRevision !== undefined && match !== expectedRevision) {
    const detail = `is ${expectedRevision}, but If-Match names ${match}`;
    throw invalidInput([{ pointer: "/expectedRevision", detail }], "contradictory");
  }
  const expectRevision = expectedRevision ?? match;
  return { changes: changes as JsonObject, ...defined({ expectRevision }) };
}

const SchedulePatchObject = z.looseObject({
  expectedRevision: SchedulePatch.shape.expectedRevision,
});

function notChangeable(field: string): InputFault {
  const pointer = `/${field.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  return { pointer, detail: `cannot be changed; what can is ${PATCHABLE.join(", ")}` };
}

/** A rule of another form takes the place of the one there; of the same form it is merged. */
function merge(plan: SchedulePlan, changes: JsonObject): Json {
  const body = planBodyOf(plan);
  return mergePatch(
    isOtherForm(plan.rule, changes["schedule"]) ? { ...body, schedule: {} } : body,
    changes,
  );
}

function ownScope(scope: string | null): string {
  return scope === null || scope === SYSTEM_SCOPE ? DEFAULT_SCOPE : scope;
}
