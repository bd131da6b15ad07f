/**
 * Goals and schedules with real shell programs, made on a server that may end at any moment. What
 * the server did not answer any more is asked again with the same key, so that it is done once. The
 * programs bear witness: one that runs beside itself finds its own lock
 * taken and says so.
 */
import { assertEquals } from "@std/assert";
import { eventually } from "../testing/processes.ts";
import type { TestServer } from "../testing/server.ts";
import { ask, type Body } from "./caller.ts";

/** What a server is killed in the middle of. Null: at any moment. */
export const AIMS = ["iteration", "slot", "audit", "run", null] as const;
export type Aim = typeof AIMS[number];

/** Longest life of a server that is killed at no moment of its own, ms. */
const LIFE_MS = 2_000;
/** Time of a goal that has too little of it. */
const LATE_MS = 1_500;
/** From the making of a schedule to its slot. */
const SLOT_IN_MS = 700;

/** `$1` witnesses, `$2` seconds, `$3` name: holds its lock while it runs. */
const ALONE = `
exec 9>> "$1/lock.$3"
command -v flock > /dev/null && ! flock -n 9 && echo "$3" >> "$1/overlaps"
sleep "$2"
`;
/** Writes the documentation when it is told that there is none. */
const WORKER = `${ALONE}
case "$HOLDFAST_PROMPT" in *"No docs"*) echo docs > "$1/docs.$3" ;; esac
echo '@holdfast {"goal": "complete", "summary": "All is done", "usage": {"tokens": 5}}'
`;
const AUDITOR = `${ALONE}
echo "$HOLDFAST_PROMPT"
if [ -e "$1/docs.$3" ]; then echo '@holdfast {"audit": "confirmed"}'
else echo '@holdfast {"audit": "missing", "findings": ["No docs"]}'; fi
`;
const RUN = `${ALONE}
echo "$3" >> "$1/ran"
`;

/** Hangs until it is told that it is the last one. */
const LATE = `${ALONE}
case "$HOLDFAST_PROMPT" in *"last iteration"*) echo '@holdfast {"summary": "Left in order"}' ;;
*) sleep 1000 ;; esac
`;

/** What was made in one round: two goals, the second with too little time, and two schedules. */
export type Round = { goal: string; late: string; slot: string; manual: string };

export class AutomationFleet {
  readonly rounds: Round[] = [];
  /** Kills that hit what they were aimed at. */
  readonly hits = new Map<Aim, number>();

  constructor(readonly witnesses: string, readonly random: () => number) {}

  /** Makes what a round has, and kills the server when the moment has come. */
  async live(server: TestServer, aim: Aim): Promise<void> {
    const number = this.rounds.length + 1;
    const goal = await this.makeGoal(server, `goal_${number}`);
    const late = await this.makeGoal(server, `goal_late${number}`, {
      task: this.#program(LATE, `goal_late${number}`),
      deadlineAt: new Date(Date.now() + LATE_MS).toISOString(),
    });
    const slot = `schedule_slot${number}`;
    const manual = `schedule_manual${number}`;
    await this.#makeSchedule(server, manual, { everySeconds: 86_400 });
    const slotAt = Date.now() + SLOT_IN_MS;
    await this.#makeSchedule(server, slot, { at: new Date(slotAt).toISOString() });
    const round = { goal, late, slot, manual };
    this.rounds.push(round);
    // It may be answered, or only done, or neither, before the server dies.
    const run = this.#run(server, manual).catch((error) => {
      if (!(error instanceof TypeError)) throw error;
    });
    if (await this.#moment(server, aim, { ...round, slotAt })) {
      this.hits.set(aim, (this.hits.get(aim) ?? 0) + 1);
    }
    await server.kill();
    await run;
    await server.start();
    await this.#run(server, manual);
  }

  async makeGoal(server: TestServer, id: string, more: object = {}): Promise<string> {
    await make(server, "/v1/goals", {
      id,
      objective: "Everything is documented",
      scope: id,
      session: `session ${id}`,
      task: this.#program(WORKER, id),
      audit: this.#program(AUDITOR, id),
      ...more,
    });
    return id;
  }

  async #makeSchedule(server: TestServer, id: string, schedule: object): Promise<void> {
    const task = this.#program(RUN, id);
    await make(server, "/v1/schedules", { id, name: id, schedule, task });
  }

  /** Each kill costs what is underway one of its attempts. */
  #program(script: string, name: string): object {
    const command = ["sh", "-c", script, "sh", this.witnesses, "0.2", name];
    return { command, env: { WITNESSES: this.witnesses }, maxAttempts: 10 };
  }

  async #run(server: TestServer, schedule: string): Promise<void> {
    const { status, body } = await ask(server, `/v1/schedules/${schedule}/run`, {
      json: {},
      headers: { "idempotency-key": `run ${schedule}` },
    });
    assertEquals(status, 200, JSON.stringify(body));
  }

  /** Waits for the moment of the kill; false where it was over before it was seen. */
  async #moment(
    server: TestServer,
    aim: Aim,
    { goal, slot, slotAt }: Round & { slotAt: number },
  ): Promise<boolean> {
    switch (aim) {
      case "iteration":
        return await this.#untilSeen(server, `/v1/goals/${goal}`, "active.iterating");
      case "audit":
        return await this.#untilSeen(server, `/v1/goals/${goal}`, "active.auditing");
      case "run":
        return await this.#untilSeen(server, `/v1/schedules/${slot}`, "active.running");
      case "slot":
        await passes(slotAt - Date.now() + Math.floor(this.random() * 20) - 5);
        return true;
      case null:
        await passes(Math.floor(this.random() * LIFE_MS));
        return true;
    }
  }

  async #untilSeen(server: TestServer, path: string, state: string): Promise<boolean> {
    const end = AbortSignal.timeout(2 * LIFE_MS);
    // Not always the same moment within the state.
    const skip = Math.floor(this.random() * 10);
    let count = 0;
    await eventually(async () => {
      const { body } = await ask(server, path);
      return end.aborted || body.state === state && count++ >= skip;
    });
    return count > 0;
  }
}

/** Makes something by its name, once. */
async function make(
  server: TestServer,
  path: string,
  json: { id: string; [field: string]: unknown },
): Promise<Body> {
  const { status, body } = await ask(server, path, {
    json,
    headers: { "idempotency-key": `make ${json.id}` },
  });
  assertEquals(status, 201, JSON.stringify(body));
  return body;
}

function passes(ms: number): Promise<void> {
  const signal = AbortSignal.timeout(Math.max(0, ms));
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}
