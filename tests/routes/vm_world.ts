/** The edge over VMs: a system of them on a clock of the test's own, and a provider that is told. */
import { assertEquals } from "@std/assert";
import type {
  CreateCall,
  ExecRequest,
  ProviderCall,
  VmHandle,
  VmSpec,
} from "../../actors/adapters/vm/provider.ts";
import { VmProviders } from "../../actors/adapters/vm/providers.ts";
import type { Executor } from "../../actors/adapters/executor/executor.ts";
import { createTaskKind } from "../../actors/task.ts";
import { createVmKind } from "../../actors/vm.ts";
import { createVmAccess } from "../../actors/vm_access.ts";
import { createWorkspaceKind } from "../../actors/workspace.ts";
import { createApp } from "../../routes/app.ts";
import type { AppConfig } from "../../routes/config.ts";
import { FakeVmProvider } from "../testing/fake_vm_provider.ts";
import { startWorld, type World } from "../testing/system.ts";
import type { CallOptions } from "./support.ts";

/** Runs commands as the test says. */
export class ScriptedVmProvider extends FakeVmProvider {
  run: (request: ExecRequest, call: ProviderCall) => Promise<{ exitCode: number; signal: null }> =
    () => Promise.resolve({ exitCode: 0, signal: null });
  /** What it was last asked to make. */
  spec: VmSpec | undefined;

  override create(spec: VmSpec, call: CreateCall) {
    this.spec = spec;
    return super.create(spec, call);
  }

  override async exec(vm: VmHandle, request: ExecRequest, call: ProviderCall) {
    await super.exec(vm, { command: request.command }, call);
    return await this.run(request, call);
  }
}

/** Makes VMs of images. */
export class ImageVmProvider extends FakeVmProvider {
  readonly images: { readonly default: string | null };
  constructor(name: string, image: string | null = null) {
    super(name);
    this.images = { default: image };
  }
}

/** Cannot run here. */
export class AbsentVmProvider extends FakeVmProvider {
  asked = 0;
  override async available() {
    this.asked++;
    return { ...await super.available(), ok: false, reason: "Install it", version: null };
  }
}

/** Works until it is told to stop. */
const IDLE: Executor = {
  name: "command",
  run: async (_, context) => {
    await context.send({ type: "executor.started" });
    const { promise, reject } = Promise.withResolvers<never>();
    context.signal.addEventListener("abort", () => reject(context.signal.reason), { once: true });
    return await promise;
  },
  reattach: () => Promise.reject(new Error("Nothing is taken up here")),
  available: () => Promise.resolve({ ok: true, reason: null, details: {} }),
};

export type VmWorld = AsyncDisposable & Omit<World, "crash"> & {
  provider: ScriptedVmProvider;
  absent: AbsentVmProvider;
  call(method: string, path: string, options?: VmCallOptions): Promise<Response>;
  json(
    method: string,
    path: string,
    options?: VmCallOptions & { status?: number },
  ): Promise<Record<string, unknown>>;
  /** Makes `vm_1` and waits until it is up. */
  running(more?: object): Promise<void>;
  /** A request that is on its way while the clock moves. */
  during<T>(request: Promise<T>, ms?: number): Promise<T>;
};

export type VmCallOptions = CallOptions & { signal?: AbortSignal };

export async function openVmWorld(options: Partial<AppConfig> = {}): Promise<VmWorld> {
  const provider = new ScriptedVmProvider("process");
  const absent = new AbsentVmProvider("absent");
  const images = [new ImageVmProvider("docker"), new ImageVmProvider("podman", "debian:12")];
  const providers = new VmProviders([provider, absent, ...images]);
  const world = await startWorld([
    createVmKind({ providers }),
    createWorkspaceKind(),
    createTaskKind({ executors: {}, vmExecutors: { command: IDLE } }),
  ]);
  const { system, clock } = world;
  const vms = createVmAccess({ system, providers, clock, log: () => {} });
  const app = createApp(system, { vms, clock, ...options });
  const call: VmWorld["call"] = async (method, path, { body, headers = {}, signal } = {}) => {
    const request = app.request(path, {
      method,
      headers: { ...body === undefined ? {} : { "content-type": "application/json" }, ...headers },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
      ...signal === undefined ? {} : { signal },
    });
    return await request;
  };
  const json: VmWorld["json"] = async (method, path, { status = 200, ...options } = {}) => {
    const response = await call(method, path, options);
    const text = await response.text();
    assertEquals(response.status, status, text);
    return JSON.parse(text);
  };
  return {
    ...world,
    provider,
    absent,
    call,
    json,
    running: async (more = {}) => {
      await json("POST", "/v1/vms", { body: { id: "vm_1", ...more }, status: 201 });
      await clock.settle();
    },
    during: async (request, ms = 0) => {
      await clock.advance(ms);
      return await request;
    },
    [Symbol.asyncDispose]: async () => {
      const stopped = system.stop({ drainMs: 0 });
      await clock.settle();
      await stopped;
      await clock.settle();
    },
  };
}
