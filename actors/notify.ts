/** Word for people. Where it goes is the notifier's business: by default it goes to the log. */
import type { Address } from "./runtime/address.ts";

/** Something that a person should know. */
export type Notification = {
  /** What happened: `vm.failed`, `alert.raised`, … */
  readonly type: string;
  /** Whom it is about. */
  readonly address: Address;
  /** For people. */
  readonly reason: string;
};

/** Takes word for people. What it throws is tried again. */
export type Notify = (notification: Notification, signal: AbortSignal) => void | Promise<void>;
