/**
 * Lets a machine's own promise, callback and observable logic, and its plain action functions, run
 * as effects. The logic runs inside a small host machine, through XState's public API alone.
 */
import { type AnyActorLogic, createActor, createMachine } from "xstate";
import { actorAt } from "../../machines/lib/builtins.ts";
import type { Effect, EffectContext, EventInput } from "./kind.ts";

const CHILD = "child";

/** An effect that runs logic from `setup({ actors })`. */
export function effectOfLogic(logic: AnyActorLogic): Effect {
  return {
    timeoutMs: Infinity,
    run: ((input: unknown, context: EffectContext) => host(logic, input, context)) as Effect["run"],
  };
}

/** What an action function from `setup({ actions })` is called with. */
type ActionInput = { params: unknown; event: unknown; context: unknown };
type ActionFunction = (
  args: { event: unknown; context: unknown; self: unknown; system: unknown },
  params: unknown,
) => unknown;

/** An effect that calls an action function from `setup({ actions })`. */
export function effectOfAction(action: ActionFunction): Effect {
  const run = ({ params, event, context }: ActionInput, effect: EffectContext) => {
    const self = { ...actorAt(effect.address), send: effect.send, key: effect.key };
    return action({ event, context, self, system: {} }, params);
  };
  return { run: run as Effect["run"] };
}

function host(logic: AnyActorLogic, input: unknown, context: EffectContext): Promise<unknown> {
  context.signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const machine = createMachine({
      invoke: {
        id: CHILD,
        src: logic,
        input: input as never,
        onDone: { actions: ({ event }) => settle(() => resolve(event.output)) },
        onError: { actions: ({ event }) => settle(() => reject(event.error)) },
      },
      on: { "*": { actions: ({ event }) => void context.send(event as EventInput).catch(fail) } },
    });
    const actor = createActor(machine);
    const stop = () => settle(() => reject(context.signal.reason));
    function fail(error: unknown) {
      settle(() => reject(error));
    }
    function settle(answer: () => void) {
      context.signal.removeEventListener("abort", stop);
      answer();
      queueMicrotask(() => actor.stop());
    }
    context.receive((event) => actor.getSnapshot().children[CHILD]?.send(event as never));
    context.signal.addEventListener("abort", stop, { once: true });
    actor.subscribe({ error: fail });
    actor.start();
  });
}
