/**
 * What callers may send straight to actors whose machines trust what they are told: the commands of
 * their own routes, in the same form. Anything else that happens to these, changes of what they are
 * asked and word of others, has been checked elsewhere, or comes from the runtime.
 */
import { z } from "@hono/zod-openapi";
import { ALERT_KIND } from "../actors/alert.ts";
import { GATE_KIND } from "../actors/gate.ts";
import { GOAL_KIND } from "../actors/goal.ts";
import { type Address, kindOf } from "../actors/runtime/address.ts";
import type { EventInput } from "../actors/runtime/kind.ts";
import { SCHEDULE_KIND, SYSTEM_SCOPE } from "../actors/schedule.ts";
import { Acknowledge } from "./alerts.ts";
import type { Caller } from "./caller.ts";
import { invalidInput, ProblemError } from "./errors.ts";
import { Claim, Delay, Reason as GoalReason } from "./goal_actions.ts";
import { Reason } from "./schedule_actions.ts";
import { Leaving, Turn } from "./sessions.ts";
import { faultsOf } from "./validation.ts";

const Nothing = z.strictObject({});

type Commands = { readonly [type: string]: z.ZodType };

/** By kind. Those of other kinds read what they are sent with care. */
const COMMANDS: ReadonlyMap<string, Commands> = new Map<string, Commands>([
  [SCHEDULE_KIND, {
    "schedule.pause": Reason,
    "schedule.resume": Nothing,
    "schedule.run": Nothing,
    "schedule.delete": Nothing,
    "schedule.restore": Nothing,
  }],
  [GOAL_KIND, {
    "goal.complete": Claim,
    "goal.delay": Delay,
    "goal.pause": GoalReason,
    "goal.resume": Nothing,
    "goal.cancel": GoalReason,
  }],
  [GATE_KIND, { "gate.take": Turn, "gate.leave": Leaving }],
  [ALERT_KIND, { "alert.acknowledge": Acknowledge }],
]);

/** Throws the problem that says why this caller may not send this event to that address. */
export function checkSendable(
  address: Address,
  { type, ...fields }: EventInput,
  { caller, within }: { caller: Caller; within: string },
): void {
  const kind = kindOf(address);
  const commands = COMMANDS.get(kind);
  if (commands === undefined) return;
  const form = Object.hasOwn(commands, type) ? commands[type] : undefined;
  if (form === undefined) {
    const detail = `a ${kind} takes ${Object.keys(commands).join(", ")} from callers; for ` +
      `whatever else can be done to it there is a route of its own`;
    throw invalidInput([{ pointer: `${within}/type`, detail }]);
  }
  const { error } = form.safeParse(fields);
  if (error !== undefined) {
    throw invalidInput(
      faultsOf(error, "body").map((fault) =>
        "pointer" in fault ? { ...fault, pointer: within + fault.pointer } : fault
      ),
    );
  }
  if (kind === SCHEDULE_KIND) checkSchedule(address, type, caller);
}

/** The server's own jobs are never deleted, and a schedule's own route knows who may manage it. */
function checkSchedule(address: Address, type: string, { name }: Caller): void {
  const what = `Cannot send "${type}" to ${address}`;
  if (type === "schedule.delete" && address.startsWith(`${SCHEDULE_KIND}:${SYSTEM_SCOPE}_`)) {
    throw new ProblemError("forbidden", `${what}: it is a job of the server's own; pause it`);
  }
  if (name === null) return;
  const reason = `only /v1/schedules looks whether "${name}" may; use it`;
  throw new ProblemError("forbidden", `${what}: ${reason}`);
}
