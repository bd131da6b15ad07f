/**
 * Tasks whose commands bear witness in files: that they began, that they ended, and that nobody
 * else was in a place that has room for fewer. Locks are the kernel's, so a killed command leaves
 * none behind.
 */
import type { SeenEntry } from "./feed_reader.ts";

/** Tasks at once. */
export const LIMIT = 3;
/** Tasks sent to one life of a server: about as many as it can do. */
const TASKS_PER_LIFE = 6;
/** How often the state of the tasks is asked for. */
const POLL_MS = 100;

/**
 * `$1` directory, `$2` name, `$3` key or "-", `$4` seconds: takes the key's lock and one of the
 * places, and says so where it finds none.
 */
const SCRIPT = `
echo "began $2" >> "$1/log"
if [ "$3" != "-" ]; then exec 8> "$1/key.$3"; flock -n 8 || echo "overlap key $3 $2" >> "$1/log"; fi
place=0
for n in $(seq 1 ${LIMIT}); do exec 9> "$1/place.$n"; if flock -n 9; then place=$n; break; fi; done
[ $place = 0 ] && echo "overlap system $2" >> "$1/log"
echo "output of $2"
sleep $4
echo "ended $2" >> "$1/log"
`;

export type Runs = { ended: Map<string, number>; overlaps: string[] };

export class Fleet {
  /** Ids of tasks whose creation was answered with 201. */
  readonly acknowledged = new Set<string>();
  #count = 0;

  constructor(readonly directory: string, readonly random: () => number) {}

  /** Sends tasks until the time is over or the server is gone, repeating what was not answered. */
  async feedTasks(url: string, ms: number): Promise<void> {
    const signal = AbortSignal.timeout(ms);
    for (let sent = 0; sent < TASKS_PER_LIFE && !signal.aborted; sent++) {
      const name = `t${this.#count++}`;
      const request = this.#request(name);
      try {
        // The same request twice now and then, as a client does that got no answer.
        const times = this.random() < 0.3 ? 2 : 1;
        const sends = Array.from(
          { length: times },
          () => fetch(`${url}/v1/tasks`, { ...request, signal }),
        );
        const ids = await Promise.all(sends.map(async (send) => (await (await send).json()).id));
        if (new Set(ids).size !== 1) throw new Error(`One key made ${ids.join(" and ")}`);
        this.acknowledged.add(ids[0]);
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
      }
    }
  }

  async waitForAll(url: string, ms: number): Promise<void> {
    const deadline = Date.now() + ms;
    while (Date.now() < deadline) {
      const page = await (await fetch(`${url}/v1/actors?kind=task&status=active&limit=1`)).json();
      if (page.items.length === 0) return;
      await new Promise((resolve) =>
        AbortSignal.timeout(POLL_MS).addEventListener("abort", resolve)
      );
    }
    const page = await (await fetch(`${url}/v1/actors?kind=task&status=active&limit=200`)).json();
    const left = page.items.map((item: { id: string; state: string }) =>
      `${item.id} ${item.state}`
    );
    throw new Error(`Still active after ${ms} ms: ${left.join(", ")}`);
  }

  async runs(): Promise<Runs> {
    const text = await Deno.readTextFile(`${this.directory}/log`);
    const ended = new Map<string, number>();
    const lines = text.split("\n");
    for (const line of lines) {
      const [word, name] = line.split(" ");
      if (word === "ended" && name !== undefined) ended.set(name, (ended.get(name) ?? 0) + 1);
    }
    return {
      ended,
      overlaps: lines.filter((line) => line.startsWith("overlap")),
    };
  }

  /** Tasks that did not end exactly once in the feed. */
  endsSeen(entries: readonly SeenEntry[]): string[] {
    const ends = new Map<string, number>();
    for (const { address, status, outcome } of entries) {
      if (status !== "active" && outcome === "taken") {
        ends.set(address, (ends.get(address) ?? 0) + 1);
      }
    }
    return [...this.acknowledged].filter((id) => ends.get(`task:${id}`) !== 1);
  }

  async remove(): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }

  #request(name: string): RequestInit {
    const key = this.random() < 0.4 ? `k${Math.floor(this.random() * 2)}` : undefined;
    const seconds = (this.random() * 0.2).toFixed(2);
    const body = {
      executor: "command",
      command: ["sh", "-c", SCRIPT, "fleet", this.directory, name, key ?? "-", seconds],
      labels: { name },
      maxAttempts: 10,
      ...(key === undefined ? {} : { key }),
    };
    return {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": name },
      body: JSON.stringify(body),
    };
  }
}
