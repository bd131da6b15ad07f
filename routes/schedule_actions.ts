/** `/v1/schedules/{id}/…`: pause, resume, run now, delete and restore, and who may ask for it. */
import { z } from "@hono/zod-openapi";
import { NotAcceptedError } from "../actors/runtime/errors.ts";
import type { ActorRecord, EventInput } from "../actors/runtime/kind.ts";
import { asSchedule, SYSTEM_SCOPE, topState } from "../actors/schedule.ts";
import { MAX_WAITING_SLOTS } from "../machines/schedule_input.ts";
import { type Caller, callerHeaders, callerOf, checkMayManage } from "./caller.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { ProblemError } from "./errors.ts";
import { MAX_REASON_CHARS } from "./limits.ts";
import { defined } from "./paging.ts";
import { scheduleAddressOf } from "./schedule_address.ts";
import {
  scheduleAnswer,
  type ScheduleParams,
  scheduleParams,
  ScheduleSchema,
} from "./schedule_view.ts";

type Act = "change" | "pause" | "resume" | "run" | "delete" | "restore";

/** What nobody does to a job of the server's own. */
const NOT_OF_SYSTEM: readonly Act[] = ["change", "delete"];

export const Reason = z.strictObject({
  reason: z.string().max(MAX_REASON_CHARS).optional()
    .openapi({ description: "For people: shown as `pausedDetail`" }),
});

const common = {
  tag: "Schedules",
  params: scheduleParams,
  headers: callerHeaders,
  answers: { 200: { description: "The schedule after it", schema: ScheduleSchema } },
  refusals: [404, 409, 412],
} as const;

export function mountScheduleActions(api: Api): void {
  mountAction(api, "pause", "Pause it; a run that is underway goes on", Reason);
  mountAction(api, "resume", "Let it go on; what passed meanwhile is not made up for");
  mountAction(api, "run", "Run it now, whatever its rule says, also while it is paused");
  mountAction(api, "restore", "Bring it back after it was deleted; it is paused then");
  mountDelete(api);
}

/** Throws the problem that says why a caller may not do this to a schedule. */
export function checkMayChange(record: ActorRecord, caller: Caller, act: Act): void {
  // What its definition cannot read is refused by the system itself.
  if (record.blocked !== null) return;
  const { createdBy, scope, plan: { manageMode } } = asSchedule(record.context);
  const what = `schedule "${record.id}"`;
  if (scope === SYSTEM_SCOPE && NOT_OF_SYSTEM.includes(act)) {
    throw new ProblemError(
      "forbidden",
      `Cannot ${act} ${what}: it is a job of the server's own; it can be paused`,
    );
  }
  checkMayManage(caller, { what, createdBy, scope, manageMode });
}

function mountAction(
  api: Api,
  act: "pause" | "resume" | "run" | "restore",
  summary: string,
  body: z.ZodType<object> = z.strictObject({}),
): void {
  mount(
    api,
    { ...common, method: "post", path: `/v1/schedules/{id}/${act}`, summary, body },
    async (call) => {
      checkMayChange(await recordOf(api, call), callerOf(call.c), act);
      return await send(api, call, { type: `schedule.${act}`, ...defined(call.body) });
    },
  );
}

function mountDelete(api: Api): void {
  mount(api, {
    ...common,
    method: "delete",
    path: "/v1/schedules/{id}",
    summary: "Delete it; its run is cancelled",
    description: "It is kept until `purgeAt`, and can be restored. Doing it again changes nothing.",
  }, async (call) => {
    const record = await recordOf(api, call);
    checkMayChange(record, callerOf(call.c), "delete");
    if (topState(record) === "deleted") return scheduleAnswer(record);
    return await send(api, call, { type: "schedule.delete" });
  });
}

type ScheduleCall = Call<ScheduleParams, unknown, unknown>;

function recordOf({ system }: Api, { params }: ScheduleCall): Promise<ActorRecord> {
  return system.get(scheduleAddressOf(params.id));
}

async function send(
  api: Api,
  { params, once, expectRevision }: ScheduleCall,
  event: EventInput,
) {
  const address = scheduleAddressOf(params.id);
  try {
    return await once.commit(
      (options) => api.system.send(address, event, { ...options, ...defined({ expectRevision }) }),
      (record) => scheduleAnswer(record),
    );
  } catch (error) {
    if (!(error instanceof NotAcceptedError)) throw error;
    throw explained(error, await api.system.get(address));
  }
}

/** The refusal, with a reason that says what to do about it, where there is one. */
function explained(error: NotAcceptedError, record: ActorRecord): Error {
  const act = error.event.slice("schedule.".length);
  const why = act === "run"
    ? whyNotRun(record)
    : act === "resume"
    ? whyNotResume(record)
    : undefined;
  if (why === undefined) return error;
  const { state, accepts } = error;
  const task = asSchedule(record.context).run?.task ?? null;
  return new ProblemError("not-accepted", `Cannot ${act} schedule "${record.id}": ${why}`, {
    members: { state, accepts, task },
  });
}

function whyNotRun(record: ActorRecord): string | undefined {
  const { plan, run, queue } = asSchedule(record.context);
  const top = topState(record);
  if (top === "deleted") return "it is deleted; restore it first";
  if (top === "purged") return "it is no more";
  const done = whyDone(record);
  if (done !== undefined) return done;
  if (plan.overlap === "queue") return `${MAX_WAITING_SLOTS} runs wait already`;
  const otherwise = `its overlap is "${plan.overlap}", not "queue" or "replace"`;
  if (run !== null) return `its run ${run.task ?? ""} is underway, and ${otherwise}`;
  return queue.length === 0 ? undefined : `a run waits for its session, and ${otherwise}`;
}

function whyNotResume(record: ActorRecord): string | undefined {
  if (topState(record) !== "paused") return undefined;
  return whyDone(record) ??
    "nothing would come any more; change its schedule or expiresAt first";
}

function whyDone(record: ActorRecord): string | undefined {
  const { plan: { maxRuns }, counts } = asSchedule(record.context);
  if (maxRuns === null || counts.runs < maxRuns) return undefined;
  return `it has had all of its ${maxRuns} runs; raise maxRuns first`;
}
