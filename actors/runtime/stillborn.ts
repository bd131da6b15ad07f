/** Tells those who count on an actor that could not be created: its parent and its watchers. */
import { errorOf } from "./actor.ts";
import type { Draft } from "./draft.ts";
import type { JsonEvent, SpawnEnvelope } from "./envelope.ts";
import type { World } from "./world.ts";

export function tellOfStillborn(
  world: World,
  draft: Draft,
  { envelope, error }: { envelope: SpawnEnvelope; error: unknown },
): void {
  const { parent, target, cause, depth } = envelope;
  const tell = (to: string, event: object, incarnation: { childId: string; key: string }) =>
    draft.followUps.push({
      type: "event",
      target: to,
      event: event as JsonEvent,
      origin: { type: "message", from: cause, depth: depth + 1, incarnation },
      options: {},
      settle: undefined,
    });
  if (parent !== null) {
    const { address, childId } = parent;
    const type = `xstate.error.actor.${childId}`;
    tell(address, { type, error: errorOf(error), actorId: childId }, { childId, key: target });
  }
  for (const watch of world.watches.takeTarget(target)) {
    draft.deleteWatch(watch);
    const ended = { address: target, status: "missing", state: "missing" };
    tell(watch.watcher, { type: "actor.ended", ...ended }, watch);
  }
}
