/**
 * What a new VM is made with: what its maker says goes before what its workspace says, and that
 * before what the server says. What is wrong with it all together is found here; the form of each
 * field is `vm_body.ts`'s matter.
 */
import { NotFoundError } from "../actors/runtime/errors.ts";
import { MAX_DELAY_MS } from "../actors/runtime/limits.ts";
import { workspaceVm } from "../actors/workspace.ts";
import { idleOf, type VmInput } from "../machines/vm_input.ts";
import type { VmDefaults } from "../machines/workspace.ts";
import type { Api } from "./endpoint.ts";
import { type InputFault, invalidInput, ProblemError } from "./errors.ts";
import { defined } from "./paging.ts";
import type { NewVm, VmDefaultsBody } from "./vm_body.ts";
import type { ProviderOffer } from "./vm_offers.ts";
import { workspaceAddress } from "./workspace_address.ts";

/** Makes no promises about the machine that it runs on, so that it is always there. */
const DEFAULT_PROVIDER = "process";

type Desk = Pick<Api, "system" | "config" | "offers">;

/** What the server adds to what a maker says. */
export type VmGiven = {
  id: string;
  createdAt: number;
  /** Address of the task that owns it. */
  owner?: string;
  createdBy?: string;
};

/**
 * The input of a new VM. Throws the problem that says what is wrong; `within` is the pointer of the
 * object that `body` came in.
 */
export async function vmInputOf(
  desk: Desk,
  body: NewVm,
  { within = "", ...given }: VmGiven & { within?: string },
): Promise<VmInput> {
  const { config } = desk;
  const layers: VmDefaults[] = [
    asDefaults(body),
    await workspaceOf(desk, body.workspace, within),
    config.vmDefaults,
  ];
  const offer = await offerOf(desk, layers, within);
  checkAvailable(offer);
  const image = imageOf(layers, offer);
  const { repo, ref } = sourceOf(layers);
  const idle = idleOf(layers.map((layer) => layer.idle ?? {}));
  const faults = expiryFaults(body, given.createdAt).map((fault) => under(within, fault));
  if (faults.length > 0) throw invalidInput(faults);
  const contradictions = [
    ...imageFaults(body, { image, offer }),
    ...repo === undefined && ref !== undefined ? [NO_REPO] : [],
    ...idleFaults(idle, body.idle),
  ].map((fault) => under(within, fault));
  if (contradictions.length > 0) throw invalidInput(contradictions, "contradictory");
  const { title, workspace, expireAt, labels } = body;
  return {
    ...given,
    ...defined({ title, workspace, expireAt, labels, image, repo, ref }),
    provider: offer.provider.name,
    resources: merged(layers.map(({ resources }) => resources ?? {})),
    network: firstOf(layers, "network") ?? "none",
    env: merged(layers.map(({ env }) => env ?? {})),
    idle,
  };
}

/** Checks what a workspace is told, as far as it can be wrong before a VM is made with it. */
export function checkDefaults({ config, offers }: Desk, vm: VmDefaults): void {
  const faults = vm.provider === undefined || offers.names.includes(vm.provider)
    ? []
    : [unknownProvider(vm.provider, offers.names)];
  if (faults.length > 0) throw invalidInput(faults.map((fault) => under("/vm", fault)));
  const idle = idleOf([vm.idle ?? {}, config.vmDefaults.idle ?? {}]);
  const contradictions = [
    ...vm.repo === undefined && vm.ref !== undefined ? [NO_REPO] : [],
    ...idleFaults(idle, vm.idle),
  ];
  if (contradictions.length === 0) return;
  throw invalidInput(contradictions.map((fault) => under("/vm", fault)), "contradictory");
}

/** Only what VMs and workspaces may both say, without what was left out. */
export function asDefaults(
  { provider, image, repo, ref, resources, network, idle, env }: VmDefaultsBody,
): VmDefaults {
  return defined({
    provider,
    image,
    repo,
    ref,
    resources: resources && defined(resources),
    network,
    idle: idle && defined(idle),
    env,
  }) as VmDefaults;
}

type Fault = Extract<InputFault, { pointer: string }>;

const NO_REPO: Fault = { pointer: "/ref", detail: "there is no repository that it could be of" };

async function workspaceOf(
  { system }: Desk,
  name: string | undefined,
  within: string,
): Promise<VmDefaults> {
  if (name === undefined) return {};
  try {
    // What is hidden from people is part of what a VM is made with.
    return workspaceVm(await system.get(workspaceAddress(name), { unredacted: true }));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const detail = `there is no workspace "${name}"`;
    throw invalidInput([under(within, { pointer: "/workspace", detail })]);
  }
}

async function offerOf(
  { offers }: Desk,
  layers: readonly VmDefaults[],
  within: string,
): Promise<ProviderOffer> {
  const name = firstOf(layers, "provider") ?? DEFAULT_PROVIDER;
  const offer = await offers.find(name);
  if (offer !== undefined) return offer;
  throw invalidInput([under(within, unknownProvider(name, offers.names))]);
}

function unknownProvider(name: string, names: readonly string[]): Fault {
  const detail = `there is no provider "${name}"; there are ${names.join(", ")}`;
  return { pointer: "/provider", detail };
}

function checkAvailable({ provider, ok, reason, version }: ProviderOffer): void {
  if (ok) return;
  const why = reason ?? "it does not say why";
  throw new ProblemError(
    "provider-unavailable",
    `Cannot make a VM with provider "${provider.name}": ${why}`,
    { members: { provider: provider.name, reason: why, version } },
  );
}

/** Where a provider has no images, one that was meant for others is not taken. */
function imageOf(layers: readonly VmDefaults[], { provider }: ProviderOffer): string | undefined {
  if (provider.images === undefined) return undefined;
  return firstOf(layers, "image") ?? provider.images.default ?? undefined;
}

function imageFaults(
  body: NewVm,
  { image, offer: { provider } }: { image: string | undefined; offer: ProviderOffer },
): Fault[] {
  const { name, images } = provider;
  if (images === undefined && body.image !== undefined) {
    return [{ pointer: "/image", detail: `provider "${name}" makes VMs without images` }];
  }
  if (images === undefined || image !== undefined) return [];
  return [{ pointer: "/image", detail: `provider "${name}" wants an image and has no default` }];
}

/** A ref belongs to its own layer's repository, or to one further down. */
function sourceOf(layers: readonly VmDefaults[]): { repo?: string; ref?: string } {
  const refs = layers.map(({ ref }) => ref);
  const at = layers.findIndex(({ repo }) => repo !== undefined);
  const upTo = at === -1 ? layers.length : at + 1;
  const ref = refs.slice(0, upTo).find((one) => one !== undefined);
  return defined({ repo: layers[at]?.repo, ref });
}

function idleFaults(
  { sleepMs, recycleMs }: ReturnType<typeof idleOf>,
  said: NewVm["idle"],
): Fault[] {
  if (sleepMs === null || recycleMs === null || sleepMs < recycleMs) return [];
  const detail = `sleepMs (${sleepMs}) must be shorter than recycleMs (${recycleMs})`;
  return [{ pointer: said?.sleepMs ? "/idle/sleepMs" : "/idle/recycleMs", detail }];
}

function expiryFaults({ expireAt }: NewVm, now: number): Fault[] {
  if (expireAt === undefined) return [];
  const pointer = "/expireAt";
  if (expireAt <= now) return [{ pointer, detail: "is not in the future" }];
  return expireAt > now + MAX_DELAY_MS ? [{ pointer, detail: "is too far in the future" }] : [];
}

function firstOf<N extends keyof VmDefaults>(
  layers: readonly VmDefaults[],
  name: N,
): VmDefaults[N] | undefined {
  return layers.map((layer) => layer[name]).find((value) => value !== undefined);
}

/** What comes first goes before what comes later, field by field. */
function merged<T extends object>(layers: readonly T[]): T {
  return Object.assign({}, ...layers.toReversed());
}

function under(within: string, { pointer, detail }: Fault): Fault {
  return { pointer: within + pointer, detail };
}
