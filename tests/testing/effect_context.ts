/**
 * An effect context for tests of adapters: keeps what the adapter sends and appends, hands it
 * events and the abort, and lets a test wait until something has happened.
 */
import type { EffectContext, EventInput } from "../../actors/runtime/kind.ts";

export type TestContext = EffectContext & {
  readonly events: readonly EventInput[];
  /** All that was appended to a channel. */
  appended(channel: string): string;
  abort(reason?: unknown): void;
  /** Sends an event to the adapter, as its owner would. */
  tell(event: EventInput): void;
  /** Resolves as soon as `done` is true, looked at after each thing that happens. */
  until(done: (context: TestContext) => boolean): Promise<void>;
  /** The first event of a type, when it has been sent. */
  sent(type: string): Promise<EventInput>;
};

export type TestContextOptions = {
  key?: string;
  /** Called for every event sent; a throw refuses it. */
  onSend?: (event: EventInput) => void;
};

export function createTestContext(
  { key = `task:test/1/${crypto.randomUUID()}`, onSend = () => {} }: TestContextOptions = {},
): TestContext {
  const events: EventInput[] = [];
  const pieces = new Map<string, string[]>();
  const listeners: ((event: EventInput) => void)[] = [];
  const controller = new AbortController();
  const watchers = new Set<() => void>();
  const happened = () => watchers.forEach((look) => look());

  const context: TestContext = {
    key,
    attempt: 1,
    address: "task:test",
    signal: controller.signal,
    events,
    send(event) {
      try {
        onSend(event);
      } catch (error) {
        return Promise.reject(error);
      }
      events.push(event);
      happened();
      return Promise.resolve();
    },
    receive: (listener) => void listeners.push(listener),
    append(channel, data) {
      const all = pieces.get(channel) ?? [];
      pieces.set(channel, all);
      all.push(data);
      happened();
    },
    appended: (channel) => (pieces.get(channel) ?? []).join(""),
    abort: (reason) => controller.abort(reason),
    tell: (event) => listeners.forEach((listener) => listener(event)),
    until: (done) =>
      new Promise((resolve) => {
        const look = () => {
          if (!done(context)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
    async sent(type) {
      const find = () => events.find((event) => event.type === type);
      await context.until(() => find() !== undefined);
      return find() ?? { type };
    },
  };
  return context;
}
