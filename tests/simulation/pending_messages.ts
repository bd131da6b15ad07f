/** Messages that steps of one commit have sent, until the journal shows that they arrived. */
import type { Address } from "../../actors/runtime/address.ts";
import { canonical } from "./canonical.ts";
import { hold } from "./violation.ts";

export type Pending = {
  /** As the journal names it: `message/ADDRESS/REVISION`. */
  cause: string;
  target: Address;
  event: { readonly type: string; readonly [field: string]: unknown };
  /** Which life of a child it belongs to. */
  incarnation?: { childId: string; key: string };
};

export class PendingMessages {
  #pending: (Pending & { text: string })[] = [];

  add(pending: Pending): void {
    this.#pending.push({ ...pending, text: canonical(pending.event) });
  }

  /** A message has arrived, or been laid aside as a dead letter. */
  take(row: { address: Address; cause: string; event: string }): Pending {
    const text = canonical(JSON.parse(row.event));
    const index = this.#pending.findIndex((one) =>
      one.cause === row.cause && one.target === row.address && one.text === text
    );
    const [found] = index < 0 ? [] : this.#pending.splice(index, 1);
    hold(found !== undefined, 10, () => `${row.address} got ${row.event} that nobody sent`);
    return found;
  }

  /** At the end of a commit, all that was sent has arrived or may be dropped. */
  checkEmpty(mayDrop: (pending: Pending) => boolean): void {
    for (const pending of this.#pending.splice(0)) {
      hold(mayDrop(pending), 10, () => {
        return `${pending.target} never got ${pending.text} from ${pending.cause}`;
      });
    }
  }
}
