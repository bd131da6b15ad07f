/** Who works with simulated schedules: makes and changes them, and takes their sessions. */
import type { EventInput } from "../../actors/runtime/kind.ts";
import type { ScheduleRule } from "../../machines/lib/schedule_rule.ts";
import { gateAddress } from "../../machines/gate.ts";
import {
  PLAN_DEFAULTS,
  type SchedulePlan,
  type ScheduleRun,
} from "../../machines/schedule_input.ts";
import type { Random } from "./random.ts";
import { type Density, PATTERNS, ZONES } from "./schedule_calendar.ts";
import { MAX_HOLD_MS, type ScheduleWorld, SESSIONS } from "./schedule_world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What schedules may make of their plans besides their rule, as often as it is here. */
const OVERLAPS = ["skip", "skip", "queue", "replace"] as const;
const CATCH_UPS = ["latest", "latest", "all", "none"] as const;

/** How long a simulation lasts, and the crons that come a few times in it. */
export type Span = { ms: number; density: Density };

export const SPANS: readonly Span[] = [
  { ms: 2 * HOUR, density: "dense" },
  { ms: 2 * DAY, density: "hourly" },
  { ms: 7 * DAY, density: "daily" },
  { ms: 21 * DAY, density: "daily" },
  { ms: 180 * DAY, density: "rare" },
  { ms: 365 * DAY, density: "rare" },
];

export class ScheduleUsers {
  readonly #plans = new Map<string, SchedulePlan>();

  constructor(readonly world: ScheduleWorld, readonly span: Span) {}

  /** Some make schedules, change them, and ask them for runs; others work in the sessions. */
  async live(until: number): Promise<void> {
    const { world: { clock, random } } = this;
    for (let count = random.int(1, 3); count > 0; count--) await this.#make();
    const meanMs = this.span.ms / random.int(3, 15);
    while (clock.elapsed < until) {
      await this.world.sleep(random.chance(0.5) ? this.#soon() : random.int(0, 2 * meanMs));
      if (clock.elapsed >= until) return;
      if (random.chance(0.3)) await this.#workInSession();
      else await this.#change();
    }
  }

  /** How long until shortly after a slot, where much can happen at once, ms. */
  #soon(): number {
    const { random, clock, checks } = this.world;
    const timers = [...checks.schedules.values()].flatMap((model) => model.timers);
    const waitMs = Math.max(0, Math.min(...timers, clock.now() + this.span.ms) - clock.now());
    return waitMs + random.int(0, random.chance(0.5) ? 20 * SECOND : 3 * MINUTE);
  }

  async #make(): Promise<void> {
    const { world } = this;
    const id = `a${this.#plans.size + 1}`;
    const plan = planOf(world.random, this.span, world.clock.now());
    this.#plans.set(id, plan);
    const createdAt = world.clock.now();
    await world.ask((system) => system.spawn("schedule", id, { id, plan, createdAt }));
  }

  async #change(): Promise<void> {
    const { random, clock } = this.world;
    const [id, plan] = random.pick([...this.#plans]);
    const send = (event: EventInput) => {
      return this.world.ask((system) => system.send(`schedule:${id}`, event));
    };
    const chance = random.next();
    if (chance < 0.25) return await send({ type: "schedule.run" });
    if (chance < 0.4) return await send({ type: "schedule.pause" });
    if (chance < 0.65) return await send({ type: "schedule.resume" });
    if (chance < 0.7) return await send({ type: "schedule.delete" });
    if (chance < 0.8) return await send({ type: "schedule.restore" });
    const other = planOf(random, this.span, clock.now());
    // Mostly one thing at a time, so that the rule often stays.
    const names = Object.keys(other) as (keyof SchedulePlan)[];
    const name = random.pick(names);
    const changed = random.chance(0.3) ? other : { ...plan, [name]: other[name] };
    this.#plans.set(id, changed);
    await send({ type: "schedule.configure", plan: changed });
  }

  async #workInSession(): Promise<void> {
    const { random } = this.world;
    // Rather one in which a run is underway.
    const running = SESSIONS.filter((one) =>
      [...this.world.checks.schedules.values()].some(({ run }) => run?.session === one)
    );
    const key = random.pick(running.length > 0 ? running : SESSIONS);
    const person = random.pick(["person 1", "person 2"]);
    const holdMs = random.int(SECOND, random.chance(0.5) ? MINUTE : MAX_HOLD_MS);
    await this.world.ask((system) => system.spawn("gate", key, { key }));
    const gate = gateAddress(key);
    await this.world.ask((system) => system.send(gate, { type: "gate.take", person, holdMs }));
    if (random.chance(0.5)) return;
    await this.world.sleep(random.int(0, holdMs));
    await this.world.ask((system) => system.send(gate, { type: "gate.leave", person }));
  }
}

function planOf(random: Random, span: Span, now: number): SchedulePlan {
  const longestMs = random.chance(0.7) ? 30 * MINUTE : span.ms / 5;
  const task = { command: ["work"], timeoutMs: random.int(MINUTE, longestMs) };
  const run: ScheduleRun = random.chance(0.3) ? { job: "sweep" } : { task };
  return {
    ...PLAN_DEFAULTS,
    name: "nightly",
    rule: ruleOf(random, span, now),
    overlap: random.pick(OVERLAPS),
    catchUp: random.pick(CATCH_UPS),
    maxRuns: random.chance(0.3) ? random.int(1, 4) : null,
    expiresAt: random.chance(0.1) ? now + random.int(0, span.ms) : null,
    fresh: random.chance(0.2),
    session: random.pick([null, ...SESSIONS]),
    run,
  };
}

function ruleOf(random: Random, { ms, density }: Span, now: number): ScheduleRule {
  const chance = random.next();
  if (chance < 0.1) return { at: now + random.int(0, ms) };
  if (chance < 0.5) {
    return { everySeconds: Math.max(60, Math.floor(ms / SECOND / random.int(3, 12))) };
  }
  const timezone = random.pick(ZONES);
  return { cron: random.pick(PATTERNS[density]).cron, timezone };
}
