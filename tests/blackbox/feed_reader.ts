/** A reader of the feed as NDJSON that keeps its cursor over kills, and what it has seen. */

export type SeenEntry = { seq: number; address: string; status: string; outcome: string };

export type FeedReader = {
  readonly seqs: number[];
  readonly entries: SeenEntry[];
  /** Reads for so long, or until the server is gone. */
  readFor(url: string, ms: number): Promise<void>;
  /** Reads until the feed's last entry. */
  readToTip(url: string): Promise<void>;
};

export function feedReader(): FeedReader {
  const entries: SeenEntry[] = [];
  const read = async (url: string, signal: AbortSignal, until: number) => {
    const after = entries.at(-1)?.seq ?? 0;
    if (after >= until) return;
    try {
      const response = await fetch(`${url}/v1/feed?after=${after}`, {
        headers: { accept: "application/x-ndjson" },
        signal,
      });
      if (response.body === null) return;
      for await (const line of lines(response.body)) {
        const item = JSON.parse(line);
        if (typeof item.seq !== "number") continue;
        entries.push(item);
        if (item.seq >= until) return;
      }
    } catch (error) {
      // The server was killed, or the time is over: the cursor says where to go on.
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    }
  };
  return {
    entries,
    get seqs() {
      return entries.map((entry) => entry.seq);
    },
    readFor: (url, ms) => read(url, AbortSignal.timeout(ms), Infinity),
    readToTip: async (url) => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const tip = Number(/^holdfast_last_seq (\d+)$/m.exec(metrics)?.[1] ?? NaN);
      if (Number.isNaN(tip)) throw new Error("Cannot find the feed's last seq in /metrics");
      await read(url, AbortSignal.timeout(30_000), tip);
    },
  };
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") yield part;
  }
}
