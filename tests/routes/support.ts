/** What the tests of the edge share: a clock that is moved by hand, and a system of only a part. */
import type { Clock } from "../../actors/runtime/clock.ts";
import type { System } from "../../actors/runtime/api.ts";

export type HandClock = Pick<Clock, "now" | "wake"> & {
  /** Moves the time on and runs what is due, in order. */
  advance(ms: number): void;
};

export function handClock(start = 0): HandClock {
  let now = start;
  let alarms: { at: number; run: () => void }[] = [];
  return {
    now: () => now,
    wake: (at, run) => {
      const alarm = { at, run };
      alarms.push(alarm);
      return () => alarms = alarms.filter((other) => other !== alarm);
    },
    advance: (ms) => {
      const end = now + ms;
      for (;;) {
        const due = alarms.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        alarms = alarms.filter((alarm) => alarm !== due);
        now = Math.max(now, due.at);
        due.run();
      }
      now = end;
    },
  };
}

/** A system that has only what a test gives it, for tests of what lies before the system. */
export function partOfSystem(part: Partial<System>): System {
  let ids = 0;
  return { newId: (prefix: string) => `${prefix}_${++ids}`, ...part } as System;
}

/** The body of an answer that must be a problem. */
export async function problemOf(response: Response): Promise<Record<string, unknown>> {
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") {
    throw new Error(`Cannot read a problem: Content-Type is ${type}, status ${response.status}`);
  }
  return await response.json();
}

/** Reads a body as text, chunk by chunk, until a condition holds or it ends. */
export async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  done: (text: string) => boolean,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  while (!done(text)) {
    const { value, done: ended } = await reader.read();
    if (ended) break;
    text += decoder.decode(value, { stream: true });
  }
  return text;
}
