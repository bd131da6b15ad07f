/** What a caller from outside does with the VMs of a real server. */
import { assertEquals } from "@std/assert";
import type { TestServer } from "../testing/server.ts";
import { ask, type Body, until } from "./caller.ts";

/** Makes a VM, and waits until it has come to rest. */
export async function makeVm(server: TestServer, vm: object): Promise<Body> {
  const made = await ask(server, "/v1/vms", { json: vm });
  assertEquals(made.status, 201, JSON.stringify(made.body));
  return (await ask(server, `/v1/vms/${made.body.id}?waitMs=60000`)).body;
}

export async function vmState(server: TestServer, id: string): Promise<string> {
  return (await ask(server, `/v1/vms/${id}`)).body.state;
}

export async function untilVm(server: TestServer, id: string, state: string): Promise<void> {
  await until(`${id} is ${state}`, async () => await vmState(server, id) === state);
}

/** Sends a command that must be answered with 200. */
export async function post(server: TestServer, path: string, json: object = {}): Promise<Body> {
  const { status, body } = await ask(server, path, { json });
  assertEquals(status, 200, JSON.stringify(body));
  return body;
}

/** Runs a command in a VM. */
export async function exec(server: TestServer, id: string, command: string[]): Promise<Body> {
  return await post(server, `/v1/vms/${id}/exec`, { command });
}

/** Has the job that looks after VMs look now, and waits until it has. */
export async function lookAfterVms(server: TestServer): Promise<void> {
  const path = "/v1/actors/schedule:system_vms";
  await until("the job that looks after VMs may run", async () => {
    // It is refused while it looks already.
    return (await ask(server, `${path}/events`, { json: { type: "schedule.run" } })).status === 200;
  });
  await until("VMs were looked after", async () => {
    const { run, last } = (await ask(server, path)).body.context;
    return run === null && last.outcome === "succeeded";
  });
}
