/**
 * What must follow from the journal. The model takes every commit that stands, steps each actor
 * through its events by itself, from the first on and without ever forgetting one, and works out
 * what must come of it. Then it compares with what the commit has written. It knows the machines
 * and nothing of how the runtime works.
 */
import type { Address } from "../../actors/runtime/address.ts";
import { stampInput } from "../../actors/runtime/deliver.ts";
import type { Json } from "../../actors/runtime/json.ts";
import type { PersistedSnapshot } from "../../actors/runtime/kind.ts";
import type { RegisteredKind } from "../../actors/runtime/registry.ts";
import {
  childOf,
  childrenOf,
  firstStep,
  persist,
  restore,
  step,
  type StepResult,
} from "../../actors/runtime/step.ts";
import type {
  ActorWrite,
  BaseRow,
  Commit,
  DeadLetterRow,
  EffectRow,
  JournalRow,
} from "../../actors/store/store.ts";
import { canonical } from "./canonical.ts";
import { effectFacts, Expectations, type Shadow, timerFacts } from "./expectations.ts";
import { hold } from "./violation.ts";

export type ModelPorts = {
  /** The kind that wrote a record, by its name and version. */
  kindOf(name: string, version: string): RegisteredKind;
  /** Whether the outside did this effect's work and said so. */
  hasSucceeded(effectKey: string): boolean;
};

export class Model {
  readonly actors = new Map<Address, Shadow>();
  readonly journal: JournalRow[] = [];
  readonly expectations = new Expectations((address) => this.actors.get(address));
  readonly deadLetters = new Map<string, DeadLetterRow>();
  /** States that actors were in, by revision from 1. */
  readonly states = new Map<Address, string[]>();
  readonly edges = new Set<string>();

  constructor(readonly ports: ModelPorts) {}

  get seq(): number {
    return this.journal.length;
  }

  /** Takes over a commit that stands. Throws a `Violation`. */
  apply(commit: Commit): void {
    for (const row of commit.journal) this.#takeRow(row, commit);
    hold(commit.seq === this.seq, 7, () => `a commit says ${commit.seq}, the journal ${this.seq}`);
    for (const letter of commit.deadLetters) this.#takeLetter(letter);
    for (const id of commit.deadLettersDeleted) this.deadLetters.delete(id);
    this.expectations.checkMessages();
    for (const write of commit.actors) this.#compareActor(write);
    this.#takeRows(commit);
    this.expectations.compare();
  }

  /** Effects owed to an actor. */
  effectsOf(address: Address): EffectRow[] {
    const rows = this.expectations.effects.stored.values();
    return [...rows].filter((row) => row.address === address);
  }

  #takeRow(row: JournalRow, commit: Commit): void {
    hold(row.seq === this.seq + 1, 7, () => `${row.seq} follows ${this.seq} in the journal`);
    this.journal.push(row);
    const before = this.actors.get(row.address);
    this.#checkCause(row, before);
    const revision = (before?.revision ?? 0) + (row.outcome === "taken" ? 1 : 0);
    hold(row.revision === revision, 6, () => {
      return `${row.address} is at revision ${row.revision} at ${row.seq}, should be ${revision}`;
    });
    if (row.outcome === "taken") return this.#takeStep(row, before, commit);
    hold(before !== undefined, 2, () => `${row.seq} is about ${row.address}, which is not there`);
    if (row.outcome === "ignored" && before.status === "active") checkIgnored(row, before);
  }

  #takeStep(row: JournalRow, before: Shadow | undefined, commit: Commit): void {
    const { address, revision } = row;
    const event = JSON.parse(row.event) as { type: string; input?: unknown };
    const write = commit.actors.find((one) => one.address === address);
    hold(write !== undefined, 2, () => `${address} took ${row.seq} and was not written`);
    if (event.type === "holdfast.upgraded") return this.#upgrade(row, before, { write, commit });
    const kind = before?.kind ?? this.ports.kindOf(write.kind, write.version);
    const { parent, childId } = before ?? write;
    const owner = { address, parent, revision };
    const result = before === undefined
      ? firstStep(kind.durable, owner, { input: stampInput(event.input, row.at), at: row.at })
      : step(kind.durable, owner, {
        snapshot: before.snapshot,
        event: { ...event, at: row.at },
      });
    hold(result.accepted, 2, () => `${address} took "${event.type}" which it does not accept`);
    hold(JSON.stringify(result.edges) === row.edges, 2, () => {
      return `${row.seq} took ${row.edges}, should be ${JSON.stringify(result.edges)}`;
    });
    for (const edge of result.edges) this.edges.add(`${kind.name}: ${edge}`);
    const shadow = { address, parent, childId, kind, revision, ...shownOf(kind, result) };
    this.#become(shadow, row);
    this.expectations.follow(row, shadow, result);
  }

  #become(shadow: Shadow, row: JournalRow): void {
    hold(shadow.state === row.state && shadow.status === row.status, 2, () => {
      return `${row.seq} says ${row.state} (${row.status}), should be ${shadow.state} ` +
        `(${shadow.status})`;
    });
    this.actors.set(shadow.address, shadow);
    const states = this.states.get(shadow.address) ?? [];
    states.push(shadow.state);
    this.states.set(shadow.address, states);
  }

  /** What an event is, is its actor's business; where it comes from must be true. */
  #checkCause(row: JournalRow, before: Shadow | undefined): void {
    const { type, from } = parseCause(row.cause);
    switch (type) {
      case "timer":
        return this.expectations.fire(from, row);
      case "effect":
        return this.#takeResult(from, row, before);
      case "slot":
        hold(before?.status === "active", 4, () => `${row.address} has ended and got ${from}`);
        return this.expectations.grant(from, row);
      case "message":
        return this.#takeMessage(row, before);
      case "deadLetter":
        return hold(this.deadLetters.delete(from), 1, () => `dead letter ${from} applied twice`);
    }
  }

  #takeResult(key: string, row: JournalRow, before: Shadow | undefined): void {
    const { effects } = this.expectations;
    const effect = effects.stored.get(key);
    const ends = isEnding(row.event);
    if (row.outcome === "taken") {
      const child = effect?.childId ?? null;
      const isWanted = child === null ||
        before?.status === "active" && childOf(before.snapshot, child)?.key === key;
      hold(isWanted, 5, () => `${row.address} took ${row.event} of ${key}, which it had left`);
      hold(effects.expected.has(key) || !ends, 3, () => `${key} has a second result`);
    }
    if (!ends) return;
    const isCalledOff = row.event.includes('"name":"AbortError"');
    hold(!isCalledOff, 5, () => `${row.address} got ${row.event} of ${key}, which was called off`);
    const isDone = row.event.startsWith('{"type":"xstate.done.');
    const hasRun = !isDone || effect === undefined || !this.#isOutside(effect) ||
      this.ports.hasSucceeded(key);
    hold(hasRun, 3, () => `${key} has a result, and its work was never done`);
    this.expectations.endEffect(key);
  }

  #takeMessage(row: JournalRow, before: Shadow | undefined): void {
    const { incarnation } = this.expectations.messages.take(row);
    if (incarnation === undefined || row.outcome !== "taken") return;
    const { childId, key } = incarnation;
    const isWanted = before !== undefined && childOf(before.snapshot, childId)?.key === key;
    hold(isWanted, 5, () => `${row.address} took ${row.event} of ${key}, which it had left`);
  }

  #takeLetter(letter: DeadLetterRow): void {
    this.deadLetters.set(letter.id, letter);
    const { type, from } = parseCause(letter.cause);
    if (type === "timer") this.expectations.fire(from, letter);
    if (type === "effect" && isEnding(letter.event)) this.expectations.endEffect(from);
    if (type === "message") this.expectations.messages.take(letter);
    if (type === "slot") this.expectations.grant(from, letter);
  }

  /** A newer definition took the actor over: it says what it is now, and the tables follow. */
  #upgrade(
    row: JournalRow,
    before: Shadow | undefined,
    { write, commit }: { write: ActorWrite; commit: Commit },
  ): void {
    const { address, revision } = row;
    const isOfRow = (base: BaseRow) => base.address === address && base.revision === revision;
    const base = commit.bases.find(isOfRow);
    hold(before !== undefined && base !== undefined, 2, () => `${row.seq} upgrades what is not`);
    const kind = this.ports.kindOf(write.kind, base.version);
    const persisted = JSON.parse(base.snapshot) as PersistedSnapshot;
    const owner = { address, parent: before.parent, revision };
    const snapshot = restore(kind.durable, owner, persisted);
    const state = kind.stateName(snapshot.value as Json);
    this.#become({ ...before, kind, revision, snapshot, state }, row);
    const { expectations } = this;
    const was = new Map(childrenOf(before.snapshot).map((child) => [child.key, child]));
    const is = new Map(childrenOf(snapshot).map((child) => [child.key, child]));
    for (const [key, child] of is) {
      if (!was.has(key)) expectations.start(row, child, { addresses: [] });
    }
    for (const [key, child] of was) if (!is.has(key)) expectations.stop(row, child);
    for (const timer of commit.timersDeleted) {
      const isAfter = timer.address === address && timer.id.startsWith("xstate.after.");
      if (isAfter) expectations.timers.expectNone(`${address} ${timer.id}`);
    }
    for (const timer of commit.timers) {
      if (timer.stamp !== `${address}/${revision}/takeover`) continue;
      expectations.timers.expect(`${address} ${timer.id}`, timerFacts(timer));
    }
  }

  #compareActor(write: ActorWrite): void {
    const shadow = this.actors.get(write.address);
    hold(shadow !== undefined, 2, () => `${write.address} was written without an event`);
    const isSame = write.revision === shadow.revision && write.state === shadow.state &&
      write.status === shadow.status;
    hold(isSame, 2, () => {
      return `${write.address} is stored as ${write.revision} ${write.state} (${write.status}), ` +
        `should be ${shadow.revision} ${shadow.state} (${shadow.status})`;
    });
    const folded = JSON.stringify(persist(shadow.snapshot));
    if (folded === write.snapshot || write.blocked !== null) return;
    const [is, should] = [canonical(JSON.parse(write.snapshot)), canonical(JSON.parse(folded))];
    hold(is === should, 2, () => `${write.address} is stored as ${is}, folds to ${should}`);
  }

  #takeRows(commit: Commit): void {
    const { timers, slots, watches } = this.expectations;
    for (const { address, id } of commit.timersDeleted) {
      this.expectations.handOver(`${address} ${id}`, commit.at);
      timers.remove(`${address} ${id}`);
    }
    for (const address of commit.timersCleared) {
      for (const key of timers.stored.keys()) if (key.startsWith(`${address} `)) timers.remove(key);
    }
    for (const row of commit.timers) timers.put(`${row.address} ${row.id}`, row);
    this.#takeEffects(commit);
    for (const key of commit.slotsDeleted) slots.remove(key);
    for (const row of commit.slots) slots.put(row.key, row);
    for (const { key, target } of commit.watchesDeleted) watches.remove(`${key} ${target}`);
    for (const row of commit.watches) watches.put(`${row.key} ${row.target}`, row);
  }

  #takeEffects(commit: Commit): void {
    const { expectations } = this;
    for (const key of commit.effectsDeleted) {
      const row = expectations.effects.stored.get(key);
      const isDone = row !== undefined && row.type !== "invoke" &&
        (!this.#isOutside(row) || this.ports.hasSucceeded(key));
      if (isDone) expectations.endEffect(key);
      expectations.effects.remove(key);
    }
    for (const row of commit.effects) {
      if (row.type === "hook" && !expectations.endedEffects.has(row.key)) {
        expectations.effects.expect(row.key, effectFacts(row));
      }
      expectations.effects.put(row.key, row);
    }
  }

  /** Whether the simulated outside does the work, and not a function of the machine. */
  #isOutside(row: EffectRow): boolean {
    const { effects, hooks } = this.actors.get(row.address)?.kind.definition ?? {};
    return effects?.[row.src] !== undefined || hooks?.some(({ name }) => name === row.src) === true;
  }
}

function checkIgnored(row: JournalRow, shadow: Shadow): void {
  const { kind, address, parent, snapshot, revision } = shadow;
  const event = { ...JSON.parse(row.event) as { type: string }, at: row.at };
  const owner = { address, parent, revision: revision + 1 };
  const { accepted } = step(kind.durable, owner, { snapshot, event });
  hold(!accepted, 1, () => `${row.seq} was ignored, ${address} accepts "${event.type}"`);
}

function shownOf(kind: RegisteredKind, { snapshot }: StepResult) {
  const status = snapshot.status as string;
  return { snapshot, status, state: kind.stateName(snapshot.value as Json) };
}

/** `timer/ID`, `effect/KEY`, …; `api` and `system` come from nowhere else. */
function parseCause(cause: string): { type: string; from: string } {
  const slash = cause.indexOf("/");
  if (slash < 0) return { type: cause, from: "" };
  return { type: cause.slice(0, slash), from: cause.slice(slash + 1) };
}

/** Whether an event of an effect is its last. */
function isEnding(event: string): boolean {
  return /^\{"type":"(?:xstate\.(?:done|error)\.actor\.|effect\.failed")/.test(event);
}
