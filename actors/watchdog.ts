/**
 * The watchdog: a job of the system that looks for actors that do not go on, and raises an alert
 * for each. It changes nothing else. What it takes for wrong is in `watchdog_findings.ts`, whom it
 * looks at in `watchdog_scan.ts`; how an alert is told is the alert's.
 */
import { createHash } from "node:crypto";
import type { AlertKind } from "../machines/alert.ts";
import { ALERT_KIND, asAlert } from "./alert.ts";
import type { Address } from "./runtime/address.ts";
import type { System } from "./runtime/api.ts";
import type { Clock } from "./runtime/clock.ts";
import { AlreadyExistsError, NotAcceptedError } from "./runtime/errors.ts";
import type { ActorRecord, EventInput } from "./runtime/kind.ts";
import { PAGE_MAX } from "./runtime/limits.ts";
import type { SystemJob, SystemJobRun } from "./system_jobs.ts";
import {
  find,
  type Finding,
  findingsOf,
  LATE_MS,
  lateTimers,
  lostEffects,
} from "./watchdog_findings.ts";
import { scan, scanMemoryOf } from "./watchdog_scan.ts";

/** Alerts that hold at once; what is found beyond them is counted, and raised when others end. */
const MAX_ALERTS = 1_000;
/** Where nobody looked for so long, what is late has not been late to anybody, ms. */
const MAX_GAP_MS = 5 * 60_000;
/** Characters of an alert's id that tell what it is about. */
const HASH_CHARS = 16;

/** What the watchdog looks with. */
export type WatchdogParts = {
  /** Asked for at each look, so that the job can be made before its system is. */
  system: () => Pick<
    System,
    | "get"
    | "kinds"
    | "list"
    | "orphanedEffects"
    | "overdue"
    | "send"
    | "spawn"
    | "stats"
    | "unattended"
  >;
  clock: Pick<Clock, "now">;
};

/** Makes the job: to be registered with `createSystemJobs`, for once a minute. */
export function createWatchdog({ system, clock }: WatchdogParts): SystemJob {
  /** Since when it has looked without a gap, and when it looked last. */
  let since = -Infinity;
  let lookedAt = -Infinity;
  return async (run) => {
    const now = clock.now();
    // After a downtime, or a leap of the clock, what came due meanwhile is only just being done.
    if (now < lookedAt || now - lookedAt > MAX_GAP_MS) since = now;
    lookedAt = now;
    const round = new Round(system(), run, now);
    await round.look();
    const { raised, unraised } = now - since >= LATE_MS ? await round.raise() : NOTHING_RAISED;
    const receded = await round.recede();
    const words = [
      `Looked at ${round.looked.size} actors and found ${round.found.size} alerts`,
      `${raised} raised, ${receded} receded`,
      ...(unraised > 0 ? [`${unraised} not raised, since ${MAX_ALERTS} hold`] : []),
    ];
    return { summary: words.join("; "), memory: round.memory };
  };
}

const NOTHING_RAISED = { raised: 0, unraised: 0 };

class Round {
  readonly looked = new Set<Address>();
  /** By alert: actor and kind. */
  readonly found = new Map<string, Finding>();
  /** Alerts that have not been cleared. */
  readonly alerts = new Map<string, ActorRecord>();
  /** Kinds of which there may be more than were read. */
  readonly #uncertain = new Set<AlertKind>();
  memory;

  constructor(
    readonly system: ReturnType<WatchdogParts["system"]>,
    readonly run: SystemJobRun,
    readonly now: number,
  ) {
    this.memory = scanMemoryOf(run.memory);
  }

  /** Reads all that there is to say. */
  async look(): Promise<void> {
    await this.#readAlerts();
    for (const read of [lateTimers, lostEffects]) {
      const { findings, isAll } = await read(this.system);
      this.#keep(findings);
      if (!isAll) this.#uncertain.add(read === lateTimers ? "overdue" : "orphaned");
    }
    this.memory = await scan(this.system, this.memory, (records) => this.#examine(records));
    // Whether an alert still holds is looked at in every round.
    for (const { context } of this.alerts.values()) {
      const { actor } = asAlert(context);
      const record = this.looked.has(actor) ? undefined : await find(this.system, actor);
      if (record !== undefined) await this.#examine([record]);
    }
  }

  /** Raises what was not known, and has come back what had receded. */
  async raise(): Promise<{ raised: number; unraised: number }> {
    let raised = 0;
    let unraised = 0;
    let room = MAX_ALERTS - this.alerts.size;
    for (const [key, finding] of this.found) {
      this.run.signal.throwIfAborted();
      const alert = this.alerts.get(key);
      if (alert?.state === "receded") {
        await this.#tell(alert, { type: "alert.found", reason: finding.reason });
        raised += 1;
      } else if (alert === undefined && room > 0) {
        await this.#spawn(key, finding);
        raised += 1;
        room -= 1;
      } else if (alert === undefined) {
        unraised += 1;
      }
    }
    return { raised, unraised };
  }

  /** Takes back what holds no longer. */
  async recede(): Promise<number> {
    let receded = 0;
    for (const [key, alert] of this.alerts) {
      this.run.signal.throwIfAborted();
      if (alert.state === "receded" || this.found.has(key)) continue;
      if (this.#uncertain.has(asAlert(alert.context).kind)) continue;
      await this.#tell(alert, { type: "alert.clear" });
      receded += 1;
    }
    return receded;
  }

  async #readAlerts(): Promise<void> {
    let cursor: string | undefined;
    do {
      const page = await this.system.list(ALERT_KIND, {
        ...{ status: "active", sort: "oldest", limit: PAGE_MAX },
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const record of page.items) {
        if (record.blocked === null) this.alerts.set(keyOf(asAlert(record.context)), record);
      }
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  async #examine(records: readonly ActorRecord[]): Promise<void> {
    this.run.signal.throwIfAborted();
    for (const { address } of records) this.looked.add(address);
    this.#keep(await findingsOf(this.system, records, this.now));
  }

  #keep(findings: readonly Finding[]): void {
    // The first is as good as any: an alert has one reason.
    for (const finding of findings) {
      const key = keyOf(finding);
      if (!this.found.has(key)) this.found.set(key, finding);
    }
  }

  /** A run that a crash cut off, and that is made again, gives an alert the same id. */
  async #spawn(key: string, { actor, kind, reason }: Finding): Promise<void> {
    const hash = createHash("sha256").update(key).digest("hex").slice(0, HASH_CHARS);
    const id = `alert_${this.run.slot.toString(36)}${hash}`;
    try {
      await this.system.spawn(ALERT_KIND, id, { id, actor, kind, reason });
    } catch (error) {
      if (!(error instanceof AlreadyExistsError)) throw error;
    }
  }

  /** One that does not take the word was cleared meanwhile; the next round finds it so. */
  async #tell({ address }: ActorRecord, event: EventInput): Promise<void> {
    try {
      await this.system.send(address, event);
    } catch (error) {
      if (!(error instanceof NotAcceptedError)) throw error;
    }
  }
}

function keyOf({ actor, kind }: { actor: Address; kind: AlertKind }): string {
  return `${kind} ${actor}`;
}
