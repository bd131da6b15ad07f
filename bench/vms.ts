/**
 * What a VM's life costs with each provider that can work here, through the real kind: from the
 * event to the commit in which it stands where it was asked to be. A provider that cannot work is
 * named with its reason.
 */
import type { VmProvider } from "../actors/adapters/vm/provider.ts";
import { systemClock } from "../actors/runtime/clock.ts";
import { createSystem } from "../actors/runtime/system.ts";
import { openStore } from "../actors/store/open.ts";
import { createVmKind } from "../actors/vm.ts";
import { createVmAccess } from "../actors/vm_access.ts";
import { createVmProviders } from "../actors/vm_providers.ts";
import type { EventInput } from "../actors/runtime/kind.ts";
import { type BenchContext, newDatabase } from "./lib/context.ts";
import type { Figure } from "./lib/figures.ts";
import { percentile, timed, timedEach } from "./lib/statistics.ts";

/** Lives of a VM, one after the other, and commands in each. */
const LIVES = 30;
const QUICK_LIVES = 3;
const EXECS = 4;
/** The name by which processes of this run are known. */
const INSTANCE = "bench";

/** How long each step took, in each life, ms. */
type Steps = { [step in "create" | "exec" | "sleep" | "wake" | "recycle"]: number[] };

export async function vms(context: BenchContext): Promise<Figure[]> {
  const home = await Deno.makeTempDir({ dir: context.dir });
  const providers = createVmProviders({
    workspaces: { home, instance: INSTANCE },
    allowRun: null,
    dockerSocket: Deno.env.get("HOLDFAST_DOCKER_SOCKET") ?? null,
    log: () => {},
  });
  const store = await openStore(await newDatabase(context), { syncMode: context.syncMode });
  const system = createSystem({ store, kinds: [createVmKind({ providers })] });
  await system.start();
  const access = createVmAccess({ system, providers, clock: systemClock, log: () => {} });
  const figures: Figure[] = [];
  try {
    for (const provider of providers.all()) {
      const reason = await whyNot(provider);
      if (reason !== null) {
        figures.push(skipped(context, provider, reason));
        continue;
      }
      const lives = context.quick ? QUICK_LIVES : LIVES;
      const steps = await live({ system, access, provider, lives, progress: context.progress });
      figures.push(...figuresOf(context, provider, steps));
    }
  } finally {
    await system.stop();
  }
  return figures;
}

async function live(
  { system, access, provider, lives, progress }: {
    system: ReturnType<typeof createSystem>;
    access: ReturnType<typeof createVmAccess>;
    provider: VmProvider;
    lives: number;
    progress: (text: string) => void;
  },
): Promise<Steps> {
  const steps: Steps = { create: [], exec: [], sleep: [], wake: [], recycle: [] };
  const image = Deno.env.get("HOLDFAST_BENCH_IMAGE");
  const until = async (address: string, state: string) => {
    const record = await system.waitFor(
      address,
      (record) => record.state === state || record.state === "failed",
    );
    if (record.state === state) return;
    throw new Error(
      `Cannot measure "${provider.name}": ${JSON.stringify(record.context["error"])}`,
    );
  };
  for (let life = 0; life < lives; life++) {
    progress(`${provider.name}: VM ${life + 1} of ${lives}`);
    const id = system.newId("vm");
    const address = `vm:${id}`;
    const input = {
      id,
      provider: provider.name,
      createdAt: Date.now(),
      ...(image === undefined || provider.images === undefined ? {} : { image }),
    };
    const moved = (event: EventInput, state: string) =>
      timed(async () => {
        await system.send(address, event);
        await until(address, state);
      });
    steps.create.push(
      await timed(async () => {
        await system.spawn("vm", id, input);
        await until(address, "running");
      }),
    );
    steps.exec.push(...await timedEach(EXECS, () => runTrue(access, id)));
    steps.sleep.push(await moved({ type: "vm.sleep" }, "sleeping"));
    steps.wake.push(await moved({ type: "vm.wake" }, "running"));
    steps.recycle.push(await moved({ type: "vm.recycle" }, "recycled"));
  }
  return steps;
}

/** Runs the shortest command that there is. */
async function runTrue(access: ReturnType<typeof createVmAccess>, id: string): Promise<void> {
  const { signal } = new AbortController();
  const { exitCode } = await access.use(id, signal, ({ provider, handle }) => {
    const call = { key: crypto.randomUUID(), signal };
    return provider.exec(handle, { command: ["true"] }, call);
  });
  if (exitCode !== 0) throw new Error(`Cannot measure: true ended with ${exitCode}`);
}

function figuresOf(context: BenchContext, provider: VmProvider, steps: Steps): Figure[] {
  return Object.entries(steps).flatMap(([step, durations]) =>
    [0.5, 0.99].map((part) => ({
      bench: "vms",
      what: `${provider.name}, ${step}, p${part * 100}`,
      value: percentile(durations, part),
      unit: "ms" as const,
      syncMode: context.syncMode,
      floor: null,
      target: null,
    }))
  );
}

async function whyNot(provider: VmProvider): Promise<string | null> {
  const { ok, reason } = await provider.available();
  if (!ok) return reason ?? "it does not say why";
  const hasImage = provider.images === undefined || provider.images.default !== null ||
    Deno.env.get("HOLDFAST_BENCH_IMAGE") !== undefined;
  return hasImage ? null : "no image is named; set HOLDFAST_BENCH_IMAGE";
}

function skipped(context: BenchContext, provider: VmProvider, reason: string): Figure {
  return {
    bench: "vms",
    what: provider.name,
    skipped: reason,
    value: NaN,
    unit: "ms",
    syncMode: context.syncMode,
    floor: null,
    target: null,
  };
}
