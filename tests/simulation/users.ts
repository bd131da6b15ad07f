/**
 * Users of the system. Each has an actor made and sends it events, wanted and unwanted ones, with
 * and without keys, once or twice; when a process dies on them they try again, or do not.
 */
import type { EventInput } from "../../actors/runtime/kind.ts";
import type { Receipt, SendOptions } from "../../actors/runtime/system.ts";
import { acceptedEvents } from "../../actors/runtime/step.ts";
import type { KindName } from "./kinds.ts";
import type { Answer } from "./process.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

/** An actor and what its user may do to it. */
export type Role = {
  kind: KindName;
  id: string;
  input: { readonly [field: string]: unknown };
  events: readonly string[];
  /** Comes late: others have written to it before it is there. */
  isLate?: boolean;
  /** Sends to actors that it made, of this kind, too. */
  children?: { kind: string; events: readonly string[] };
};

/** Plays a role to its end. */
export async function play(world: World, role: Role): Promise<void> {
  const address = `${role.kind}:${role.id}`;
  await pause(world);
  if (role.isLate) await world.sleep(world.random.int(100, 3_000));
  if (!await make(world, role)) return;
  const count = world.random.int(1, world.plan.events);
  for (let sent = 0; sent < count && world.violation === undefined; sent++) {
    await pause(world);
    const hasEnded = world.model.actors.get(address)?.status !== "active";
    if (hasEnded && world.random.chance(0.5)) return;
    const { children } = role;
    if (children !== undefined && world.random.chance(0.3)) {
      await meetChild(world, address, children);
      continue;
    }
    const type = await choose(world, address, role.events);
    await sendSomehow(world, address, type);
    if (world.random.chance(0.1)) await look(world, address);
  }
}

/** Sends something at the very moment at which it does most harm. */
export function meddle(world: World, address: string, roles: readonly Role[]): void {
  const role = roles.find(({ kind, id }) => address === `${kind}:${id}`);
  const actor = world.model.actors.get(address);
  if (role === undefined || actor === undefined || world.process.phase !== "ready") return;
  const accepted = acceptedEvents(actor.snapshot).filter((type) => role.events.includes(type));
  if (accepted.length > 0) void send(world, address, world.random.pick(accepted), {});
}

/** Has the actor made; tries again until it is known to be there. */
async function make(world: World, { kind, id, input }: Role): Promise<boolean> {
  const { random } = world;
  const address = `${kind}:${id}`;
  const key = random.chance(0.7) ? `make-${id}` : null;
  const answerKey = random.chance(0.3) ? `answer-${id}` : undefined;
  for (let attempt = 0; attempt < 20; attempt++) {
    const answer = await world.ask(
      { address, event: "xstate.init", key },
      (process, { n }) =>
        process.call((system) => {
          const idempotency = answerKey === undefined ? {} : {
            idempotency: {
              key: answerKey,
              fingerprint: answerKey,
              answer: (_: unknown, receipt: Receipt) => ({ seq: receipt.seq }),
            },
          };
          const options = { ...(key === null ? {} : { key }), ...idempotency };
          return system.spawn(kind, id, { ...input, id, n }, options);
        }),
    );
    if (answer.type === "value") {
      const { seq, duplicate } = answer.value;
      if (answerKey !== undefined && !duplicate) world.answers.set(answerKey, seq);
      return true;
    }
    if (world.model.actors.has(address)) return true;
    await pause(world);
  }
  return false;
}

async function choose(world: World, address: string, events: readonly string[]): Promise<string> {
  if (world.random.chance(0.4)) return world.random.pick(events);
  const process = await world.up();
  const answer = await process.call((system) => system.accepts(address));
  const accepted = answer.type === "value"
    ? answer.value.filter((type) => events.includes(type))
    : [];
  return world.random.pick(accepted.length > 0 ? accepted : events);
}

/** Sends an event once or twice, with or without a key. */
async function sendSomehow(world: World, address: string, type: string): Promise<void> {
  const { random } = world;
  const key = random.chance(0.5) ? `key-${world.ledger.requests.length}` : null;
  const options = key === null ? {} : { key };
  if (key !== null && random.chance(0.15)) {
    await Promise.all([send(world, address, type, options), send(world, address, type, options)]);
    return;
  }
  if (random.chance(0.08)) return await sendExpecting(world, address, type);
  if (random.chance(0.1)) {
    await Promise.all([send(world, address, type, options), send(world, address, type, {})]);
    return;
  }
  const answer = await send(world, address, type, options);
  const isOpen = answer.type === "lost" || answer.type === "error" && random.chance(0.3);
  const isAgain = key !== null && (isOpen ? random.chance(0.8) : random.chance(0.1));
  if (isAgain) await send(world, address, type, options);
}

/** Sends an event that is meant for one revision only. */
async function sendExpecting(world: World, address: string, type: string): Promise<void> {
  const revision = world.model.actors.get(address)?.revision ?? 1;
  const expectRevision = world.random.chance(0.7) ? revision : revision + 1;
  await send(world, address, type, { expectRevision });
}

export function send(
  world: World,
  address: string,
  type: string,
  options: SendOptions,
): Promise<Answer<Receipt>> {
  const { key = null, expectRevision: expected = null } = options;
  return world.ask({ address, event: type, key, expected }, (process, { n }) => {
    const event: EventInput = { type, n, ...fieldsOf(world, type, n) };
    return process.call((system) => system.send(address, event, options));
  });
}

/** What a user has to say with a request: mostly too much to be kept where it is. */
export function noteOf(n: number): string {
  return `Note ${n} `.repeat(n % 4 === 0 ? 2 : 1_500);
}

/** What some events carry. */
function fieldsOf(
  world: World,
  type: string,
  n: number,
): { readonly [field: string]: unknown } {
  switch (type) {
    case "next":
      return world.random.chance(0.2) ? { note: noteOf(n) } : {};
    case "task.fail":
      return { code: "network", message: "The agent gave up" };
    case "task.input":
      return { data: "yes" };
    case "task.complete":
      return { result: { output: "reported" } };
    default:
      return {};
  }
}

/** Reads the actor: it must be as it was at some commit. */
async function look(world: World, address: string): Promise<void> {
  const process = await world.up();
  const answer = await process.call((system) => system.get(address));
  if (answer.type !== "value") return;
  const { revision, state } = answer.value;
  const committed = world.model.states.get(address)?.[revision - 1];
  world.check(() =>
    hold(committed === state, 8, () => {
      return `${address} was seen at revision ${revision} as ${state}, it was ${committed}`;
    })
  );
}

async function meetChild(
  world: World,
  parent: string,
  { kind, events }: { kind: string; events: readonly string[] },
): Promise<void> {
  const process = await world.up();
  const answer = await process.call((system) => system.list(kind, { parent, status: "active" }));
  if (answer.type !== "value" || answer.value.items.length === 0) return;
  const child = world.random.pick(answer.value.items);
  await sendSomehow(world, child.address, world.random.pick(events));
}

/** Mostly a moment, now and then long enough for timers to pass. */
async function pause(world: World): Promise<void> {
  const { random } = world;
  const ms = random.chance(0.1)
    ? random.int(100, 5_000)
    : random.chance(0.03)
    ? random.int(10_000, 120_000)
    : random.int(0, 25);
  await world.sleep(ms);
}
