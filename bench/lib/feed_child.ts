/**
 * Readers of the feed, a hundred in one process: each an SSE connection of its own, counting the
 * entries that reach it and how long after their commit they do. "ready" answers when all are
 * connected, "expect N" when each has had N further entries.
 */
import { answerLines } from "./child.ts";
import { percentile } from "./statistics.ts";

/** What "expect" answers. */
export type Delivery = {
  /** When the last reader had its last entry, ms since the epoch. */
  endedAt: number;
  /** From commit to reader, ms. */
  latenessP50: number;
  latenessP99: number;
};

type Tally = { expected: number; lateness: number[]; complete: (delivery: Delivery) => void };

if (import.meta.main) {
  const [url = "", readers = "100"] = Deno.args;
  const tally: Tally = { expected: 0, lateness: [], complete: () => {} };
  await Promise.all(Array.from({ length: Number(readers) }, () => connect(url, tally)));
  await answerLines(async (command) => {
    const match = /^expect (\d+)$/.exec(command);
    if (match === null) return { readers: Number(readers) };
    return await expect(tally, Number(match[1]) * Number(readers));
  });
  Deno.exit(0);
}

/** Resolves once the server has answered; reads for as long as it writes. */
async function connect(url: string, tally: Tally): Promise<void> {
  const response = await fetch(`${url}/v1/feed`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!response.ok || reader === undefined) {
    throw new Error(`Cannot read the feed: ${response.status}`);
  }
  // The first frame says that the reader is in place.
  await reader.read();
  void follow(reader, tally);
}

async function follow(reader: ReadableStreamDefaultReader<string>, tally: Tally): Promise<void> {
  let rest = "";
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const frames = (rest + next.value).split("\n\n");
    rest = frames.pop() ?? "";
    const now = Date.now();
    for (const frame of frames) {
      const at = /"at":"([^"]+)"/.exec(frame)?.[1];
      if (at !== undefined) tally.lateness.push(now - Date.parse(at));
    }
    settle(tally);
  }
}

function expect(tally: Tally, entries: number): Promise<Delivery> {
  return new Promise((resolve) => {
    tally.expected = entries;
    tally.complete = resolve;
    settle(tally);
  });
}

function settle(tally: Tally): void {
  if (tally.expected === 0 || tally.lateness.length < tally.expected) return;
  const lateness = tally.lateness.splice(0);
  tally.expected = 0;
  tally.complete({
    endedAt: Date.now(),
    latenessP50: percentile(lateness, 0.5),
    latenessP99: percentile(lateness, 0.99),
  });
}
