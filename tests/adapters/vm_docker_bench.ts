/** What the tests of the `docker` provider on a daemon that misbehaves are built from. */
import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../actors/runtime/clock.ts";
import { createDockerProvider } from "../../actors/adapters/vm/docker.ts";
import {
  ProviderError,
  type ProviderErrorCode,
  type VmHandle,
  type VmProvider,
  type VmSpec,
} from "../../actors/adapters/vm/provider.ts";
import {
  type FakeAnswer,
  type FakeDocker,
  type FakeRequest,
  startFakeDocker,
} from "../testing/fake_docker.ts";
import { ManualClock } from "../testing/manual_clock.ts";

export const SPEC: VmSpec = {
  vmId: "vm_1",
  generation: 1,
  image: "a/b:1",
  source: null,
  resources: { cpus: null, memoryMiB: 64, diskMiB: null },
  network: "none",
  env: {},
};
export const VM: VmHandle = {
  vmId: "vm_1",
  generation: 1,
  providerId: "c1",
  workDir: "/workspace",
  details: { instance: "test" },
};
export const call = (signal = new AbortController().signal) => ({ key: "k", signal, report() {} });

export type World = {
  docker: FakeDocker;
  provider: VmProvider;
  clock: ManualClock;
  warnings: string[];
};

/** A provider on a daemon that does what `answer` says; its time is the test's, if it asks. */
export async function withDaemon(
  answer: (request: FakeRequest) => FakeAnswer | undefined,
  test: (world: World) => Promise<void>,
  { manual = false } = {},
): Promise<void> {
  const home = await Deno.makeTempDir();
  const clock = new ManualClock();
  const warnings: string[] = [];
  await using docker = await startFakeDocker(answer);
  const provider = createDockerProvider({
    socket: docker.socket,
    home,
    instance: "test",
    clock: manual ? clock : systemClock,
    warn: (message, fields) => warnings.push(`${message} ${JSON.stringify(fields)}`),
  });
  await test({ docker, provider, clock, warnings });
  await Deno.remove(home, { recursive: true });
}

export async function rejects(promise: Promise<unknown>, code: ProviderErrorCode): Promise<string> {
  const error = await assertRejects(() => promise, ProviderError);
  assertEquals(error.code, code, error.message);
  return error.message;
}
