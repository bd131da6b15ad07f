/**
 * Reads the feed, comes and goes with its cursor, also across crashes, and compares each entry with
 * the journal: nothing may be missing, double, or not committed.
 */
import type { FeedEntry, FeedItem, FeedOptions } from "../../actors/runtime/system.ts";
import type { JournalRow } from "../../actors/store/store.ts";
import type { Process } from "./process.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

/** How long a reader stays, and how long it stays away, ms. */
const STAYS_MS = [0, 3, 20, 100, 500, 3_000, 20_000, 60_000];

export class FeedReader {
  /** The last entry that it has seen. */
  cursor = 0;
  #stayUntilEnd = false;
  #controller = new AbortController();

  /** `kinds`: reads only those. */
  constructor(readonly world: World, readonly kinds?: readonly string[]) {}

  /** Reads on and off, until the simulation is over. */
  async run(): Promise<void> {
    const { world } = this;
    while (world.violation === undefined) {
      const process = await world.up();
      this.#controller = new AbortController();
      if (!this.#stayUntilEnd) {
        const ms = world.random.pick(STAYS_MS);
        world.clock.after(ms, world.nature, () => !this.#stayUntilEnd && this.#controller.abort());
      }
      await this.#read(process);
      if (this.#stayUntilEnd && process.phase === "stopping") return;
      await world.sleep(this.#stayUntilEnd ? 1 : world.random.pick(STAYS_MS));
    }
  }

  /** From now on it stays where it is. */
  settle(): void {
    this.#stayUntilEnd = true;
  }

  /** What it should have seen by now, and has not. */
  unseen(): number {
    return this.world.model.journal.slice(this.cursor).filter((row) => this.#matches(row)).length;
  }

  async #read(process: Process): Promise<void> {
    const { world, kinds } = this;
    const options: FeedOptions = {
      after: this.cursor,
      signal: this.#controller.signal,
      ...(kinds === undefined ? {} : { kinds }),
    };
    let iterator: AsyncIterator<FeedItem> | undefined;
    while (world.violation === undefined) {
      const answer = await process.call((system) => {
        iterator ??= system.feed(options)[Symbol.asyncIterator]();
        return iterator.next();
      });
      // An error is the store's: the reader tries again from where it was.
      if (answer.type !== "value" || answer.value.done === true) return;
      const item = answer.value.value;
      world.check(() => this.#take(item));
      if (world.random.chance(0.05)) await world.sleep(world.random.int(0, 50));
    }
  }

  #take(item: FeedItem): void {
    if (item.type === "reset") {
      const isBehind = this.world.histories.gone.size > 0 && item.oldest - 1 > this.cursor;
      hold(isBehind, 7, () => `a reader at ${this.cursor} was reset to ${item.oldest} for nothing`);
      this.cursor = item.oldest - 1;
      return;
    }
    const { entry } = item;
    const { journal } = this.world.model;
    hold(entry.seq <= journal.length, 8, () => `the feed shows ${entry.seq}, not committed`);
    const next = journal.slice(this.cursor).find((row) => this.#matches(row));
    hold(next?.seq === entry.seq, 7, () => {
      return `a reader at ${this.cursor} got ${entry.seq}, should be ${next?.seq}`;
    });
    hold(isSame(entry, next), 7, () => {
      return `the feed shows ${JSON.stringify(entry)} for ${JSON.stringify(next)}`;
    });
    this.cursor = entry.seq;
  }

  #matches(row: JournalRow): boolean {
    return this.kinds === undefined ||
      this.kinds.includes(row.address.slice(0, row.address.indexOf(":")));
  }
}

function isSame(entry: FeedEntry, row: JournalRow): boolean {
  return entry.address === row.address && entry.revision === row.revision &&
    entry.at === row.at && entry.state === row.state && entry.status === row.status &&
    entry.outcome === row.outcome && entry.cause === row.cause && entry.key === row.key &&
    JSON.stringify(entry.event) === row.event;
}
