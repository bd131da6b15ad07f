/**
 * What must follow from a step, worked out from what the machine asked for: the rows of timers,
 * effects, slots and watches, and the messages on their way.
 */
import type { AnyMachineSnapshot } from "xstate";
import { errorOf } from "../../actors/runtime/actor.ts";
import type { Address } from "../../actors/runtime/address.ts";
import type { RegisteredKind } from "../../actors/runtime/registry.ts";
import { type Child, childOf, type Command, type StepResult } from "../../actors/runtime/step.ts";
import type {
  EffectRow,
  JournalRow,
  SlotRow,
  TimerRow,
  WatchRow,
} from "../../actors/store/store.ts";
import { type Pending, PendingMessages } from "./pending_messages.ts";
import { Table } from "./tables.ts";
import { hold } from "./violation.ts";

/** One actor as the journal tells it. */
export type Shadow = {
  address: Address;
  parent: Address | null;
  childId: string | null;
  kind: RegisteredKind;
  revision: number;
  status: string;
  state: string;
  snapshot: AnyMachineSnapshot;
};

/** Facts of the rows, as far as they follow from the journal. */
export const timerFacts = (row: Pick<TimerRow, "dueAt" | "target" | "event">) =>
  `due ${row.dueAt} for ${row.target}: ${row.event}`;
export const effectFacts = (row: Pick<EffectRow, "address" | "src" | "type">) =>
  `${row.type} "${row.src}" of ${row.address}`;
const slotFacts = ({ address, grantedAt }: Pick<SlotRow, "address" | "grantedAt">) =>
  `${address} ${grantedAt === null ? "waits" : "holds"}`;
const watchFacts = ({ watcher, childId }: Pick<WatchRow, "watcher" | "childId">) =>
  `${watcher} by "${childId}"`;

export class Expectations {
  readonly timers = new Table<TimerRow>("timer", 3, timerFacts);
  readonly effects = new Table<EffectRow>("effect", 3, effectFacts);
  readonly slots = new Table<SlotRow>("slot", 4, slotFacts);
  readonly watches = new Table<WatchRow>("watch", 10, watchFacts);
  readonly messages = new PendingMessages();
  /** Effects that have ended, however. */
  readonly endedEffects = new Set<string>();

  constructor(readonly find: (address: Address) => Shadow | undefined) {}

  /** A step has been taken; `shadow` is the actor after it. */
  follow(row: JournalRow, shadow: Shadow, result: StepResult): void {
    const emitted = result.commands.flatMap((one) => one.type === "emit" ? [one.event] : []);
    hold(row.emitted === (emitted.length === 0 ? null : JSON.stringify(emitted)), 2, () => {
      return `${row.seq} emitted ${row.emitted}, should be ${JSON.stringify(emitted)}`;
    });
    const commands = result.commands.filter((command) => command.type !== "emit");
    for (const [index, command] of commands.entries()) this.#expect(row, command, index);
    if (shadow.status === "active") return;
    for (const key of this.timers.expected.keys()) {
      if (key.startsWith(`${row.address} `)) this.timers.expectNone(key);
    }
    this.#tellEnd(row, shadow);
  }

  /** A timer that is said to have fired at this time. */
  fire(id: string, { address, at, event }: { address: Address; at: number; event: string }): void {
    const ofTarget = [...this.timers.expected].filter(([key, facts]) =>
      key.endsWith(` ${id}`) && facts.endsWith(`for ${address}: ${event}`)
    );
    const due = ofTarget.find(([, facts]) => dueOf(facts) <= at);
    hold(due !== undefined, 3, () => {
      const early = ofTarget[0]?.[1];
      return `timer "${id}" fired at ${at} for ${address}: ` +
        (early === undefined ? "there is none" : `it is ${early}`);
    });
    this.timers.expectNone(due[0]);
  }

  /** A timer was deleted; a letter to work with the outside leaves no line in the journal. */
  handOver(key: string, at: number): void {
    const facts = this.timers.expected.get(key);
    const isHandedOver = facts !== undefined && dueOf(facts) <= at && /for \S+\/\S+: /.test(facts);
    if (isHandedOver) this.timers.expectNone(key);
  }

  grant(key: string, { address }: { address: Address }): void {
    const waits = this.slots.expected.get(key);
    hold(waits === `${address} waits`, 4, () => `slot ${key} was granted: it is ${waits}`);
    this.slots.expect(key, `${address} holds`);
  }

  endEffect(key: string): void {
    this.effects.expectNone(key);
    this.endedEffects.add(key);
  }

  start(row: JournalRow, child: Child, input: unknown): void {
    const { address } = row;
    const { key, src } = child;
    switch (child.role) {
      case "effect":
        return this.effects.expect(key, effectFacts({ address, src, type: "invoke" }));
      case "actor": {
        const event = { type: "xstate.init", input };
        return this.messages.add({ cause: causeOf(row), target: key, event });
      }
      case "slot":
        return this.slots.expect(key, `${address} waits`);
      case "watch":
        for (const target of new Set((input as { addresses: Address[] }).addresses)) {
          this.#watch(row, child, target);
        }
    }
  }

  stop(row: JournalRow, child: Child): void {
    switch (child.role) {
      case "effect":
        return this.endEffect(child.key);
      case "actor": {
        const event = { type: "xstate.stop" };
        return this.messages.add({ cause: causeOf(row), target: child.key, event });
      }
      case "slot":
        return void this.slots.expectNone(child.key);
      case "watch":
        for (const key of this.watches.expected.keys()) {
          if (key.startsWith(`${child.key} `)) this.watches.expectNone(key);
        }
    }
  }

  /** All that was sent has arrived, unless nobody was left to whom it could matter. */
  checkMessages(): void {
    this.messages.checkEmpty((pending) => this.#mayDrop(pending));
  }

  compare(): void {
    for (const table of [this.timers, this.effects, this.slots, this.watches]) table.compare();
  }

  #expect(row: JournalRow, command: Command, index: number): void {
    const { address, revision, at } = row;
    switch (command.type) {
      case "timer": {
        const dueAt = at + Math.max(0, Math.ceil(command.delayMs));
        const event = JSON.stringify(command.event);
        const facts = timerFacts({ dueAt, target: command.target, event });
        return this.timers.expect(`${address} ${command.id}`, facts);
      }
      case "cancelTimer":
        return void this.timers.expectNone(`${address} ${command.id}`);
      case "message": {
        const event = command.event as Pending["event"];
        return this.messages.add({ cause: causeOf(row), target: command.target, event });
      }
      case "start":
        return this.start(row, command.child, command.input);
      case "stop":
        return this.stop(row, command.child);
      case "action": {
        const facts = effectFacts({ address, src: command.src, type: "action" });
        return this.effects.expect(`${address}/${revision}/action.${index}`, facts);
      }
    }
  }

  #watch(row: JournalRow, child: Child, target: Address): void {
    const found = this.find(target);
    if (found?.status === "active") {
      const facts = watchFacts({ watcher: row.address, childId: child.id });
      return this.watches.expect(`${child.key} ${target}`, facts);
    }
    const { status, state } = found ?? { status: "missing", state: "missing" };
    const output = found?.snapshot.output as unknown;
    this.messages.add({
      cause: causeOf(row),
      target: row.address,
      event: { type: "actor.ended", address: target, status, state, output },
      incarnation: { childId: child.id, key: child.key },
    });
  }

  /** Whoever waits for the end of an actor is told. */
  #tellEnd(row: JournalRow, shadow: Shadow): void {
    const { address, parent, childId, status, state, snapshot } = shadow;
    const cause = causeOf(row);
    const output = snapshot.output as unknown;
    if (parent !== null && childId !== null && status !== "stopped") {
      const type = status === "done" ? "done" : "error";
      const what = status === "done" ? { output } : { error: errorOf(snapshot.error) };
      const event = { type: `xstate.${type}.actor.${childId}`, ...what, actorId: childId };
      this.messages.add({ cause, target: parent, event, incarnation: { childId, key: address } });
    }
    for (const [key, facts] of this.watches.expected) {
      if (!key.endsWith(` ${address}`)) continue;
      const [, watcher, id] = /^(\S+) by "(.*)"$/.exec(facts) ?? [];
      if (watcher === undefined || id === undefined) continue;
      this.watches.expectNone(key);
      const event = { type: "actor.ended", address, status, state, output };
      const incarnation = { childId: id, key: key.slice(0, key.indexOf(" ")) };
      this.messages.add({ cause, target: watcher, event, incarnation });
    }
  }

  /** A message that reached nobody: to one who has ended, or of a child that is gone. */
  #mayDrop({ target, event, incarnation }: Pending): boolean {
    const found = this.find(target);
    if (event.type === "xstate.stop") return found?.status !== "active";
    if (incarnation === undefined) return false;
    const { childId, key } = incarnation;
    return found?.status !== "active" || childOf(found.snapshot, childId)?.key !== key;
  }
}

function causeOf({ address, revision }: JournalRow): string {
  return `message/${address}/${revision}`;
}

function dueOf(facts: string): number {
  return Number(facts.slice(4, facts.indexOf(" for ")));
}
