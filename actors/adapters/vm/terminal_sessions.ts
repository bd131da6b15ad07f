/** The terminals of a server: how many there may be, and which there are. */
import type { TerminalProcess } from "./provider.ts";
import { MAX_TERMINALS, MAX_TERMINALS_PER_VM } from "./terminal_limits.ts";
import { type SessionOptions, TerminalSession } from "./terminal_session.ts";

export type TerminalsOptions = SessionOptions & { maxTerminals?: number; maxPerVm?: number };

export type OpenTerminal = {
  id: string;
  columns: number;
  rows: number;
  /** Starts its program. */
  start(): Promise<TerminalProcess>;
};

export class TerminalSessions {
  readonly #options: TerminalsOptions;
  /** By VM. Null is one that is being started. */
  readonly #sessions = new Map<string, Map<string, TerminalSession | null>>();

  constructor(options: TerminalsOptions) {
    this.#options = options;
  }

  /** Why there can be no other at present; null when there can. */
  full(vmId: string): string | null {
    const { maxPerVm = MAX_TERMINALS_PER_VM, maxTerminals = MAX_TERMINALS } = this.#options;
    const own = this.#sessions.get(vmId)?.size ?? 0;
    if (own >= maxPerVm) return `vm "${vmId}" has ${own}`;
    const all = [...this.#sessions.values()].reduce((sum, ofVm) => sum + ofVm.size, 0);
    return all >= maxTerminals ? `there are ${all}` : null;
  }

  /** Starts one. Ask `full` first. */
  async open(vmId: string, { id, columns, rows, start }: OpenTerminal): Promise<TerminalSession> {
    const ofVm = this.#sessions.get(vmId) ?? new Map<string, TerminalSession | null>();
    this.#sessions.set(vmId, ofVm.set(id, null));
    try {
      const { clock } = this.#options;
      const view = { id, columns, rows, createdAt: clock.now() };
      const session = new TerminalSession(await start(), view, this.#options);
      ofVm.set(id, session);
      void session.ended.then(() => this.#forget(vmId, id));
      return session;
    } catch (error) {
      this.#forget(vmId, id);
      throw error;
    }
  }

  get(vmId: string, id: string): TerminalSession | undefined {
    return this.#sessions.get(vmId)?.get(id) ?? undefined;
  }

  list(vmId: string): TerminalSession[] {
    const ofVm = this.#sessions.get(vmId)?.values() ?? [];
    return [...ofVm].filter((session) => session !== null);
  }

  #forget(vmId: string, id: string): void {
    const ofVm = this.#sessions.get(vmId);
    ofVm?.delete(id);
    if (ofVm?.size === 0) this.#sessions.delete(vmId);
  }
}
