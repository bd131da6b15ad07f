/**
 * VMs and tasks in them, made and driven at random through lives of a server that may end at any
 * moment. It remembers what was acknowledged, so that it can be asked for afterwards. The commands
 * bear witness of themselves: one that runs beside itself finds its own lock taken and says so.
 */
import { eventually } from "../testing/processes.ts";

/** Longest run of a server before it is killed, ms. */
const LIFE_MS = 1_500;
/** Commands in a row that one user gives in a life. */
const COMMANDS_PER_LIFE = 40;
const USERS = 4;
/** VMs that are kept; with more of them the oldest are recycled. */
const MAX_VMS = 6;
const SLEEP_MS = 1_000;

/** What a server is killed in the middle of. Null: at any moment. */
export const AIMS = ["provisioning", null, "suspending", "waking", "recycling", null] as const;
export type Aim = typeof AIMS[number];

/** `$1` name, `$2` seconds: holds a lock while it runs, which its children would hold as well. */
const TASK = `
exec 9>> ".lock.$1"
command -v flock > /dev/null && ! flock -n 9 && echo "overlap $1" | tee -a .overlaps
sleep "$2"
echo "ended $1" >> .ended
echo "done $1"
`;
/** `$1` name: leaves a file, and sometimes a process that works on. */
const LEAVE = `
echo here > "file.$1"
[ "$2" = stay ] && { sleep 1000 > /dev/null 2>&1 < /dev/null & }
exit 0
`;

// deno-lint-ignore no-explicit-any -- a caller from outside reads JSON that nothing has typed
type Body = any;

/** What all VMs of a kind are made with. */
export type VmOfKind = { provider: string; image?: string };

export class VmFleet {
  /** Ids whose creation was answered with 201. */
  readonly vms = new Set<string>();
  readonly tasks = new Map<string, { name: string; vm: string }>();
  /** VMs that were sent to be recycled, whether that was answered or not. */
  readonly asked = new Set<string>();
  /** VMs whose recycling was acknowledged. */
  readonly recycled = new Set<string>();
  /** Files whose making was acknowledged, by VM. */
  readonly files: { vm: string; name: string }[] = [];
  /** Kills that hit what they were aimed at. */
  readonly hits = new Map<Aim, number>();
  /** Answers that nobody expects of such calls. */
  readonly oddities: string[] = [];
  #count = 0;

  constructor(readonly kinds: readonly VmOfKind[], readonly random: () => number) {}

  /** Gives commands until the moment of the kill has come, and says whether it is what was meant. */
  async live(url: string, aim: Aim): Promise<void> {
    const over = new AbortController();
    const lifeMs = aim === null ? 100 + this.random() * (LIFE_MS - 100) : LIFE_MS;
    const end = AbortSignal.timeout(Math.floor(lifeMs));
    const signal = AbortSignal.any([over.signal, end]);
    const users = Array.from({ length: USERS }, () => this.#user(url, signal));
    const seen = aim === null ? false : await this.#untilSeen(url, aim, end);
    if (aim === null) await new Promise((resolve) => end.addEventListener("abort", resolve));
    if (seen || aim === null) this.hits.set(aim, (this.hits.get(aim) ?? 0) + 1);
    over.abort();
    await Promise.all(users);
  }

  async #user(url: string, signal: AbortSignal): Promise<void> {
    for (let given = 0; given < COMMANDS_PER_LIFE && !signal.aborted; given++) {
      try {
        await this.#command(url, signal);
      } catch (error) {
        // The server was killed, or the life is over.
        if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
      }
    }
  }

  async #command(url: string, signal: AbortSignal): Promise<void> {
    const call = callTo(url, signal);
    const open = [...this.vms].filter((id) => !this.asked.has(id));
    const vm = this.#pick(open);
    const dice = this.random();
    if (vm === undefined || (dice < 0.15 && open.length < MAX_VMS)) return await this.#makeVm(call);
    // However few commands a slow machine takes, a task is among them.
    if (dice < 0.35 || this.tasks.size === 0) return await this.#makeTask(call, vm);
    if (dice < 0.55) return void await this.#expect(call(`/v1/vms/${vm}/sleep?wait=false`, {}));
    if (dice < 0.65) return void await this.#expect(call(`/v1/vms/${vm}/wake`, {}));
    if (dice < 0.72 || open.length >= MAX_VMS) return await this.#recycle(call, vm);
    await this.#exec(call, vm);
  }

  async #makeVm(call: Call): Promise<void> {
    const name = this.#name("v");
    const body = {
      ...this.#pick(this.kinds),
      idle: { sleepMs: SLEEP_MS },
      labels: { name },
    };
    const made = await this.#expect(call("/v1/vms", body, name));
    if (made?.status === 201) this.vms.add(made.body.id);
  }

  async #makeTask(call: Call, shared: string): Promise<void> {
    const name = this.#name("t");
    const isOwn = this.random() < 0.3 && this.vms.size - this.asked.size < MAX_VMS;
    const body = {
      command: ["sh", "-c", TASK, "task", name, (this.random() * 0.3).toFixed(2)],
      vm: isOwn ? { ...this.#pick(this.kinds), idle: { sleepMs: SLEEP_MS } } : shared,
      labels: { name },
      maxAttempts: 10,
    };
    const made = await this.#expect(call("/v1/tasks", body, name));
    if (made?.status !== 201) return;
    this.tasks.set(made.body.id, { name, vm: made.body.vm.id });
    this.vms.add(made.body.vm.id);
  }

  async #recycle(call: Call, vm: string): Promise<void> {
    this.asked.add(vm);
    const answer = await this.#expect(call(`/v1/vms/${vm}/recycle`, {}));
    if (answer?.status === 200) this.recycled.add(vm);
  }

  async #exec(call: Call, vm: string): Promise<void> {
    const name = this.#name("f");
    const stay = this.random() < 0.3 ? "stay" : "go";
    const command = ["sh", "-c", LEAVE, "leave", name, stay];
    const answer = await this.#expect(call(`/v1/vms/${vm}/exec`, { command }));
    if (answer?.status === 200 && answer.body.exitCode === 0) this.files.push({ vm, name });
  }

  /** 409 is the answer of a VM that is busy or over. */
  async #expect(asked: Promise<Answer>): Promise<Answer | undefined> {
    const { status, body } = await asked;
    if (status < 300) return { status, body };
    const isRefusal = status === 409 || status === 422 || status === 502;
    if (!isRefusal) this.oddities.push(`${status} ${JSON.stringify(body)}`);
    return undefined;
  }

  /** Until a VM is in a state; false where the time is over before. */
  async #untilSeen(url: string, aim: string, end: AbortSignal): Promise<boolean> {
    let seen = false;
    // Not always the same moment within the state.
    const skip = Math.floor(this.random() * 3);
    let count = 0;
    await eventually(async () => {
      if (end.aborted) return true;
      const { body } = await callTo(url, AbortSignal.timeout(5_000))(`/v1/vms?limit=200`);
      const isIn = body.items.some(({ state }: Body) => state === aim);
      seen = isIn && count++ >= skip;
      return seen;
    });
    return seen;
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)];
  }

  #name(letter: string): string {
    return `${letter}${this.#count++}`;
  }
}

type Answer = { status: number; body: Body };
type Call = (path: string, json?: object, key?: string) => Promise<Answer>;

function callTo(url: string, signal: AbortSignal): Call {
  return async (path, json, key) => {
    const headers = {
      "content-type": "application/json",
      ...(key === undefined ? {} : { "idempotency-key": key }),
    };
    const init = json === undefined ? {} : { method: "POST", body: JSON.stringify(json), headers };
    const response = await fetch(`${url}${path}`, { ...init, signal });
    return { status: response.status, body: await response.json() };
  };
}
