/** People around simulated goals: they set them, talk into them, and work in the same sessions. */
import type { EventInput } from "../../actors/runtime/kind.ts";
import type { GoalPlan } from "../../machines/goal_input.ts";
import type { GoalWorld } from "./goal_world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Goals of one simulation. */
const MAX_GOALS = 3;
const SESSIONS = ["s1", "s1", "s2"];

/** Sets all goals, and talks into them until the trouble is over. */
export async function playPeople(world: GoalWorld): Promise<void> {
  const { random } = world;
  const ids = Array.from({ length: random.int(1, MAX_GOALS) }, (_, index) => `g${index + 1}`);
  for (const id of ids) await setGoal(world, id);
  await Promise.all(["ada", "bob"].map(async (person) => {
    while (!world.isCalm) {
      await world.sleep(random.int(SECOND, random.chance(0.3) ? MINUTE : 40 * MINUTE));
      if (world.isCalm) return;
      const act = random.chance(0.3) ? session(world, person) : word(world, random.pick(ids));
      if (act !== undefined) await tell(world, ...act);
    }
  }));
}

/** Everybody may go on, with nothing left but the deadline to stop it. */
export async function resumeAll(world: GoalWorld): Promise<void> {
  for (const [address, { context, state }] of world.checks.stored) {
    if (state !== "paused") continue;
    const plan = { ...context.plan, budget: { tokens: null, usd: null } };
    await tell(world, address, { type: "goal.configure", plan });
    await tell(world, address, { type: "goal.resume" });
  }
}

async function setGoal(world: GoalWorld, id: string): Promise<void> {
  const { random, clock } = world;
  const createdAt = clock.now();
  const limit = {
    ...(random.chance(0.5) && { timeoutMs: 30 * MINUTE }),
    ...(random.chance(0.1) && { requireApproval: true }),
  };
  const plan: GoalPlan = {
    objective: "All tests pass",
    deadlineAt: createdAt + random.int(-1, 4 * 60) * MINUTE,
    budget: {
      tokens: random.chance(0.3) ? random.int(1, 300) : null,
      usd: random.chance(0.2) ? random.int(1, 12) / 4 : null,
    },
    templates: { continue: "go on", timeout: "stop", audit: "audit" },
    task: { command: ["work"], ...limit },
    audit: random.chance(0.15) ? null : { command: ["audit"], ...limit },
  };
  const own = random.chance(0.6) ? { session: random.pick(SESSIONS) } : {};
  const spawn = async () =>
    await (await world.up()).call((system) =>
      system.spawn("goal", id, { id, plan, scope: id, createdAt, ...own })
    );
  // Whether one was made before the server died is seen when it is made again.
  while ((await spawn()).type === "lost") await world.sleep(SECOND);
}

function session({ random }: GoalWorld, person: string): [string, EventInput] {
  const address = `gate:${random.pick(SESSIONS)}`;
  if (random.chance(0.3)) return [address, { type: "gate.leave", person }];
  const holdMs = random.int(SECOND, random.chance(0.1) ? 30 * MINUTE : 3 * MINUTE);
  return [address, { type: "gate.take", person, holdMs }];
}

function word(world: GoalWorld, id: string): [string, EventInput] | undefined {
  const { random, checks, clock } = world;
  const address = `goal:${id}`;
  const known = checks.stored.get(address);
  if (known === undefined) return undefined;
  const { plan, step } = known.context;
  const dice = random.next();
  if (dice < 0.3) return [address, { type: "goal.resume" }];
  if (dice < 0.45) return [address, { type: "goal.pause" }];
  if (dice < 0.6) return [address, { type: "goal.complete", by: "ada" }];
  if (dice < 0.75) {
    return [address, { type: "goal.delay", seconds: random.pick([0, 60, 600, 43_200]) }];
  }
  if (dice < 0.78) return [address, { type: "goal.cancel" }];
  if (dice < 0.84) {
    const type = random.pick(["task.cancel", "task.approve", "task.pause", "task.resume"]);
    return [step?.task ?? address, { type }];
  }
  if (dice < 0.92) {
    const deadlineAt = clock.now() + random.int(-5, 2 * 60) * MINUTE;
    return [address, { type: "goal.configure", plan: { ...plan, deadlineAt } }];
  }
  const tokens = random.chance(0.7) ? random.int(1, 1_000) : null;
  return [address, { type: "goal.configure", plan: { ...plan, budget: { tokens, usd: null } } }];
}

async function tell(world: GoalWorld, address: string, event: EventInput): Promise<void> {
  const process = await world.up();
  // What is not accepted, and an answer that is lost, are all the same to them.
  await process.call((system) => system.send(address, event));
}
