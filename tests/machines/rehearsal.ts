/**
 * One actor on a stage of its own: its machine, stepped as the runtime steps it, on a clock that
 * is moved by hand. Nothing is stored and nothing is carried out; what the machine wanted done can
 * be read off. Timers fire when the clock passes them.
 */
import type { KindDefinition } from "../../actors/runtime/kind.ts";
import { createRegistry } from "../../actors/runtime/registry.ts";
import { type Command, firstStep, step } from "../../actors/runtime/step.ts";

type Sent = { readonly type: string; readonly [field: string]: unknown };
type Timer = { id: string; dueAt: number; event: Sent };

export class Rehearsal<Context> {
  /** Children that live now, by id, with the input that they were started with. */
  readonly children = new Map<string, { key: string; input: unknown }>();
  /** Events that children were told, in order. */
  readonly told: Sent[] = [];
  readonly emitted: Sent[] = [];
  now: number;
  #kind;
  #snapshot;
  #timers = new Map<string, Timer>();
  #revision = 1;

  constructor(kind: KindDefinition, input: object, { now }: { now: number }) {
    this.#kind = createRegistry([kind]).get(kind.name);
    this.now = now;
    const { durable } = this.#kind;
    const result = firstStep(durable, this.#owner(), { input: { ...input, at: now }, at: now });
    this.#snapshot = result.snapshot;
    this.#read(result.commands);
  }

  get state(): string {
    return this.#kind.stateName(this.#snapshot.value);
  }

  get context(): Context {
    return this.#snapshot.context as Context;
  }

  get output(): unknown {
    return this.#snapshot.output;
  }

  get tags(): string[] {
    return [...this.#snapshot.tags];
  }

  /** Milliseconds until each timer fires, by the delay's name. */
  get timers(): { [delay: string]: number } {
    const left = [...this.#timers.values()].map(({ id, dueAt }) => [delayOf(id), dueAt - this.now]);
    return Object.fromEntries(left);
  }

  /** Delivers an event now. False where the state does not take it. */
  send(event: Sent): boolean {
    const { durable } = this.#kind;
    this.#revision += 1;
    const timed = { ...event, at: this.now };
    const result = step(durable, this.#owner(), { snapshot: this.#snapshot, event: timed });
    if (!result.accepted) return false;
    this.#snapshot = result.snapshot;
    this.#read(result.commands);
    return true;
  }

  /** Lets time pass; timers fire when they are due, in order. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const [next] = [...this.#timers.values()].sort((a, b) => a.dueAt - b.dueAt);
      if (next === undefined || next.dueAt > until) break;
      this.now = next.dueAt;
      this.#timers.delete(next.id);
      this.send(next.event);
    }
    this.now = until;
  }

  #owner() {
    return { address: `${this.#kind.name}:rehearsal`, parent: null, revision: this.#revision };
  }

  #read(commands: readonly Command[]): void {
    for (const command of commands) {
      switch (command.type) {
        case "start":
          this.children.set(command.child.id, { key: command.child.key, input: command.input });
          break;
        case "stop":
          if (this.children.get(command.child.id)?.key === command.child.key) {
            this.children.delete(command.child.id);
          }
          break;
        case "timer":
          this.#timers.set(command.id, {
            id: command.id,
            dueAt: this.now + command.delayMs,
            event: command.event as Sent,
          });
          break;
        case "cancelTimer":
          this.#timers.delete(command.id);
          break;
        case "tell":
          this.told.push(command.event as Sent);
          break;
        case "emit":
          this.emitted.push(command.event as Sent);
          break;
        default:
          throw new Error(`Cannot rehearse command "${command.type}"`);
      }
    }
    if (this.#snapshot.status !== "active") this.#timers.clear();
  }
}

/** `xstate.after.timeLimit.task.active` is named `timeLimit`. */
function delayOf(timerId: string): string {
  return timerId.split(".")[2] ?? timerId;
}
