/** `/v1/sessions`: who works in a session, and the turns of people, before whom runs make way. */
import { z } from "@hono/zod-openapi";
import { asGate, GATE_KIND } from "../actors/gate.ts";
import { idOf } from "../actors/runtime/address.ts";
import { AlreadyExistsError, NotAcceptedError, NotFoundError } from "../actors/runtime/errors.ts";
import type { JsonObject } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { System } from "../actors/runtime/api.ts";
import { gateAddress, PERSON_HOLD_MS } from "../machines/gate.ts";
import { type Answer, answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { ProblemError } from "./errors.ts";
import { SessionKey, Text } from "./fields.ts";
import { isoOrNull } from "./lib/times.ts";
import { MAX_HOLD_MS, MAX_PERSON_CHARS, MIN_HOLD_MS } from "./limits.ts";
import { Time } from "./render.ts";

const SessionSchema = z.strictObject({
  key: z.string(),
  state: z.enum(["free", "heldByRun", "heldByPerson"]),
  holder: z.string().nullable()
    .openapi({ description: "A person's name, or the address of the actor whose run it is" }),
  since: Time.nullable(),
  until: Time.nullable().openapi({ description: "When a person's turn ends by itself" }),
}).openapi("Session");

const params = z.strictObject({ key: SessionKey });

const Person = Text.min(1).max(MAX_PERSON_CHARS);

export const Turn = z.strictObject({
  person: Person,
  holdMs: z.int().min(MIN_HOLD_MS).max(MAX_HOLD_MS).default(PERSON_HOLD_MS)
    .openapi({ description: "From now on; then the turn ends by itself" }),
}).openapi("SessionTurn");

export const Leaving = z.strictObject({ person: Person });

const common = {
  tag: "Sessions",
  params,
  answers: { 200: { description: "The session after it", schema: SessionSchema } },
} as const;

export function mountSessions(api: Api): void {
  mountGet(api);
  mountTake(api);
  mountLeave(api);
}

function mountGet(api: Api): void {
  mount(api, {
    ...common,
    method: "get",
    path: "/v1/sessions/{key}",
    summary: "Show who works in a session",
    description: "Any key names a session: one that nobody has used yet is free.",
    answers: { 200: { description: "The session", schema: SessionSchema } },
  }, async ({ params: { key } }) => sessionAnswer(key, await find(api.system, key)));
}

function mountTake(api: Api): void {
  const { system } = api;
  mount(api, {
    ...common,
    method: "post",
    path: "/v1/sessions/{key}/turn",
    summary: "Take a session for a person, or hold it for longer",
    description: "A run that is underway in it is called off; others wait until the turn ends.",
    body: Turn,
    refusals: [409],
  }, async ({ params: { key }, body, once }) => {
    await makeGate(system, key);
    try {
      return await once.commit(
        (options) => system.send(gateAddress(key), { type: "gate.take", ...body }, options),
        (record) => sessionAnswer(key, record),
      );
    } catch (error) {
      throw await heldByOther(system, key, error);
    }
  });
}

function mountLeave(api: Api): void {
  const { system } = api;
  mount(api, {
    ...common,
    method: "delete",
    path: "/v1/sessions/{key}/turn",
    summary: "End a person's turn",
    description: "Where the turn has ended already, nothing changes.",
    query: Leaving,
    refusals: [409],
  }, async ({ params: { key }, query: { person } }) => {
    try {
      await system.send(gateAddress(key), { type: "gate.leave", person });
    } catch (error) {
      if (!(error instanceof NotFoundError || error instanceof NotAcceptedError)) throw error;
      const gate = await find(system, key);
      if (gate?.state === "heldByPerson") throw await heldByOther(system, key, error);
    }
    return sessionAnswer(key, await find(system, key));
  });
}

/** A session's gate is there from its first use on. */
async function makeGate(system: System, key: string): Promise<void> {
  if (await find(system, key) !== undefined) return;
  try {
    await system.spawn(GATE_KIND, idOf(gateAddress(key)), { key });
  } catch (error) {
    // Another caller was faster.
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
}

/** The refusal, where it is that another person has the session. */
async function heldByOther(system: System, key: string, error: unknown): Promise<unknown> {
  if (!(error instanceof NotAcceptedError)) return error;
  const session = showSession(key, await find(system, key));
  return new ProblemError(
    "session-held",
    `Cannot have session "${key}": ${session.holder} is in it until ${session.until}`,
    { members: { session } },
  );
}

async function find(system: System, key: string): Promise<ActorRecord | undefined> {
  try {
    return await system.get(gateAddress(key));
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

function sessionAnswer(key: string, record: ActorRecord | undefined): Answer {
  return answer(showSession(key, record));
}

/** A key that nobody has used yet has no gate. */
function showSession(key: string, gate: ActorRecord | undefined): JsonObject {
  if (gate === undefined) return { key, state: "free", holder: null, since: null, until: null };
  const { holder, heldSince, heldUntil } = asGate(gate.context);
  const times = { since: isoOrNull(heldSince), until: isoOrNull(heldUntil) };
  return { key, state: gate.state, holder, ...times };
}
