/**
 * What the system shows at rest, held against the model: records, histories, earlier revisions,
 * lists, output, kept answers.
 */
import { NotFoundError } from "../../actors/runtime/errors.ts";
import type { ActorRecord } from "../../actors/runtime/kind.ts";
import type { System } from "../../actors/runtime/system.ts";
import { canonical } from "./canonical.ts";
import type { Shadow } from "./expectations.ts";
import type { Process } from "./process.ts";
import { noteOf } from "./users.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

/** Entries of a history read at a time. */
const PAGE = 7;

/** Throws a `Violation` where something is shown that is not so. */
export async function checkReads(world: World, { system }: Process): Promise<void> {
  for (const shadow of world.model.actors.values()) {
    const record = await system.get(shadow.address);
    checkRecord(shadow, record);
    await checkIndex(world, shadow, record);
    if (world.random.chance(0.3)) await checkOutput(world, system, shadow);
    const { same, detail } = await system.replay(shadow.address);
    // Null: it was written by an older definition, and says nothing of this one.
    hold(same !== false, 2, () => `${shadow.address} does not replay: ${detail}`);
    if (world.random.chance(0.3)) await checkHistory(world, system, shadow);
  }
  await checkAnswers(world, system);
  await checkList(world, system);
}

function checkRecord({ address, state, revision, status }: Shadow, record: ActorRecord): void {
  const isSame = record.state === state && record.revision === revision &&
    record.status === status;
  hold(isSame, 8, () => `${address} is shown as ${record.revision} ${record.state}`);
  const { note, noteOf: n } = record.context as { note?: unknown; noteOf?: number | null };
  const isWhole = typeof n !== "number" || note === noteOf(n);
  hold(isWhole, 2, () => `${address} has lost note ${n}: ${JSON.stringify(note)}`);
}

/** The values by which lists find it are those that its record has now. */
async function checkIndex({ store }: World, { address, kind }: Shadow, record: ActorRecord) {
  const { index } = kind.definition;
  if (index === undefined) return;
  const expected = Object.entries(index(record)).flatMap(([name, value]) =>
    (value === undefined ? [] : [value].flat()).map((one) => `${name}=${one}`)
  );
  const stored = (await store.indexOf(address)).map(({ name, value }) => `${name}=${value}`);
  hold(canonical(stored.sort()) === canonical(expected.sort()), 2, () => {
    return `${address} is listed under ${stored.join()}, should be ${expected.join()}`;
  });
}

async function checkHistory(world: World, system: System, { address, kind }: Shadow) {
  const { model, random, histories } = world;
  const expected = histories.kept.filter((row) => row.address === address);
  const seen: number[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) };
    const page = await system.history(address, query);
    seen.push(...page.items.map((entry) => entry.seq));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  hold(canonical(seen) === canonical(expected.map((row) => row.seq)), 7, () => {
    return `the history of ${address} is ${seen.join()}`;
  });
  // The definition in force may tell the time before it otherwise.
  if (kind.name === "evolving") return;
  const states = model.states.get(address) ?? [];
  const oldest = histories.cutOf(address)?.revision ?? 1;
  const revision = random.int(oldest, states.length);
  const before = await system.at(address, revision);
  hold(before.state === states[revision - 1], 2, () => {
    return `${address} at ${revision} is ${before.state}, it was ${states[revision - 1]}`;
  });
  if (oldest === 1) return;
  const lost = await system.at(address, oldest - 1).catch((error) => error);
  hold(lost instanceof NotFoundError, 2, () => `${address} is found before it was cut: ${lost}`);
}

async function checkOutput({ store }: World, system: System, { address }: Shadow): Promise<void> {
  const rows = await store.readStream(address, "output", 0, 1_000);
  const seen = await Array.fromAsync(system.stream(address, "output"));
  hold(canonical(seen) === canonical(rows), 7, () => `the output of ${address} is not shown whole`);
}

/** The answer to an idempotency key is kept with the event that made it. */
async function checkAnswers({ answers }: World, system: System): Promise<void> {
  for (const [key, seq] of answers) {
    const answer = await system.answerTo(key, key) as { seq: number } | undefined;
    hold(answer?.seq === seq, 1, () => `the answer to ${key} is ${answer?.seq}, should be ${seq}`);
  }
}

async function checkList({ model }: World, system: System): Promise<void> {
  const active = [...model.actors.values()].filter(({ status }) => status === "active");
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await system.list(undefined, {
      status: "active",
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    seen.push(...page.items.map((record) => record.address));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  const expected = active.map(({ address }) => address);
  hold(canonical(seen.toSorted()) === canonical(expected.sort()), 2, () => {
    return `active are ${expected.join()}, listed are ${seen.join()}`;
  });
}
