/** What a running system counts, for metrics. Counts start at zero with each process. */
export type Counters = {
  transitions: number;
  commits: number;
  commitMs: number;
  /** Events that their state did not accept. */
  refused: number;
  /** Events answered with an earlier receipt. */
  duplicates: number;
  /** Results and timers of incarnations that were gone. */
  obsolete: number;
  deadLetters: number;
  timersFired: number;
};

export function createCounters(): Counters {
  return {
    transitions: 0,
    commits: 0,
    commitMs: 0,
    refused: 0,
    duplicates: 0,
    obsolete: 0,
    deadLetters: 0,
    timersFired: 0,
  };
}
