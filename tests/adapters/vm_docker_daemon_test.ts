/** What the `docker` provider makes of a daemon that is away, lies, hangs, fails or hangs up. */
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { createDockerProvider } from "../../actors/adapters/vm/docker.ts";
import { chooseVersion } from "../../actors/adapters/vm/docker_api.ts";
import { ProviderError, type ProviderErrorCode } from "../../actors/adapters/vm/provider.ts";
import { type FakeAnswer, type FakeRequest, hang, write } from "../testing/fake_docker.ts";
import { call, rejects, SPEC, VM, withDaemon } from "./vm_docker_bench.ts";

Deno.test("chooseVersion() takes the newest that both know", () => {
  for (const [offered, chosen] of [["1.40", "1.40"], ["1.43", "1.43"], ["1.99", "1.47"]]) {
    assertEquals(chooseVersion(String(offered)), chosen);
  }
  for (const offered of [null, "", "1.24", "0.99", "latest", "1.4x"]) {
    assertThrows(() => chooseVersion(offered), ProviderError);
  }
});

Deno.test("available() says what to do where no daemon can be used", async () => {
  const home = await Deno.makeTempDir();
  const dead = `${home}/dead.sock`;
  // A listener takes its socket with it, but not what else names it.
  const listener = Deno.listen({ transport: "unix", path: `${dead}.first` });
  await Deno.link(`${dead}.first`, dead);
  listener.close();
  const table = [
    [`${home}/none.sock`, "install docker or podman, or set HOLDFAST_DOCKER_SOCKET"],
    [dead, "nobody listens"],
  ];
  for (const [socket = "", advice = ""] of table) {
    const { ok, reason, limits } = await createDockerProvider({ socket, home, instance: "i" })
      .available();
    assertEquals(ok, false);
    assertStringIncludes(reason ?? "", advice);
    assertEquals(limits.memory.enforced, false);
  }
  await Deno.remove(home, { recursive: true });
});

Deno.test("available() says which limits hold", async () => {
  const info = { MemoryLimit: false, CpuCfsQuota: true, PidsLimit: false };
  await withDaemon(
    ({ path }) => path === "/info" ? { status: 200, body: info } : undefined,
    async ({ provider }) => {
      const { ok, version, limits } = await provider.available();
      assertEquals([ok, version], [true, "docker 1.2.3 (API 1.43)"]);
      assertEquals([limits.cpus.enforced, limits.memory.enforced], [true, false]);
      assertStringIncludes(limits.processes.reason ?? "", "rootless");
    },
  );
});

Deno.test("available() refuses a daemon that is too old, or none", async () => {
  for (const version of ["1.20", "none"]) {
    const ping = { status: 200, headers: { "Api-Version": version } };
    await withDaemon(
      ({ path }) => path === "/_ping" ? ping : undefined,
      async ({ provider }) => assertEquals((await provider.available()).ok, false),
    );
  }
});

Deno.test("create() makes a container that can do nothing it need not, and only once", async () => {
  await withDaemon(() => undefined, async ({ docker, provider }) => {
    const reports: string[] = [];
    const report = ({ type, status }: { type: string; status: string }) =>
      void reports.push(`${type} ${status}`);
    const vm = await provider.create(SPEC, { ...call(), report });
    assertEquals(vm, VM);
    assertEquals(reports, [
      "imagePulled true",
      "containerCreated true",
      "containerStarted true",
      "ready true",
    ]);
    assertEquals(await provider.create(SPEC, call()), VM);
    const made = docker.requests.filter(({ path }) => path === "/containers/create");
    assertEquals(made.length, 1);
    assertEquals(made[0]?.query.get("name"), "holdfast-test-vm_1");
    const { CapDrop, SecurityOpt, NetworkMode, Memory, PidsLimit } = made[0]?.body
      .HostConfig as Record<string, unknown>;
    assertEquals([CapDrop, SecurityOpt], [["ALL"], ["no-new-privileges"]]);
    assertEquals([NetworkMode, Memory, PidsLimit], ["none", 64 << 20, 4096]);
    assertEquals((await provider.find("vm_1", call().signal))?.state, "running");
    await provider.delete("vm_1", call());
    await provider.delete("vm_1", call());
    assertEquals(await provider.list(call().signal), []);
  });
});

Deno.test("create() goes on from where an attempt was cut off, and removes an older VM", async () => {
  await withDaemon(() => undefined, async ({ docker, provider }) => {
    const begun = new AbortController();
    const cut = provider.create(SPEC, {
      ...call(begun.signal),
      report: ({ type }) => type === "containerCreated" && begun.abort(new Error("cut")),
    });
    await assertRejects(() => cut, Error, "cut");
    assertEquals((await provider.find("vm_1", call().signal))?.state, "stopped");
    await provider.create(SPEC, call());
    await provider.create({ ...SPEC, generation: 2 }, call());
    const changes = docker.requests.filter(({ method, path }) =>
      method === "DELETE" || /create$|c1\/start$/.test(path)
    ).map(({ method, path }) => `${method} ${path}`);
    const make = ["POST /containers/create", "POST /containers/c1/start"];
    assertEquals(changes, [...make, "DELETE /containers/c1", ...make]);
  });
});

Deno.test("list() shows a VM too that has only a directory yet", async () => {
  const refuse = { status: 500, body: { message: "no space left" } };
  await withDaemon(
    ({ path }) => path === "/containers/create" ? refuse : undefined,
    async ({ provider }) => {
      assertStringIncludes(
        await rejects(provider.create(SPEC, call()), "failed"),
        'Cannot make vm "vm_1": no space left',
      );
      const found = await provider.list(call().signal);
      assertEquals(found.map(({ vmId, state }) => [vmId, state]), [["vm_1", "stopped"]]);
      await provider.delete("vm_1", call());
      assertEquals(await provider.list(call().signal), []);
    },
  );
});

Deno.test("create() finds out a daemon that says it made a container and has none", async () => {
  await withDaemon(
    ({ path }) => path === "/containers/create" ? { status: 201, body: { Id: "c9" } } : undefined,
    async ({ provider }) => {
      const message = await rejects(provider.create(SPEC, call()), "failed");
      assertStringIncludes(message, "said that it made a container, but there is none");
    },
  );
});

Deno.test("create() finds out a daemon that says it started what does not run", async () => {
  await withDaemon(
    ({ path }) => path.endsWith("/start") ? { status: 204 } : undefined,
    async ({ provider }) => {
      const message = await rejects(provider.create(SPEC, call()), "failed");
      assertStringIncludes(message, "does not run: exit code 0");
    },
  );
});

Deno.test("create() gives up a daemon that hangs, and the next attempt takes up what it made", async () => {
  let hangs = true;
  await withDaemon(
    ({ path }) => path === "/containers/c1/start" && hangs ? hang : undefined,
    async (
      { docker, provider, clock },
    ) => {
      const creating = rejects(provider.create(SPEC, call()), "unreachable");
      await docker.asked("POST /containers/c1/start");
      await clock.advance(120_000);
      assertStringIncludes(await creating, "did not answer within 120000 ms");
      hangs = false;
      assertEquals(await provider.create(SPEC, call()), VM);
      const made = docker.requests.filter(({ path }) => path === "/containers/create");
      assertEquals(made.length, 1);
    },
    { manual: true },
  );
});

Deno.test("create() ends with the signal's reason while the daemon hangs", async () => {
  await withDaemon(({ path }) => path === "/containers/create" ? hang : undefined, async (
    { docker, provider },
  ) => {
    const giveUp = new AbortController();
    const creating = provider.create(SPEC, call(giveUp.signal));
    await docker.asked("POST /containers/create");
    giveUp.abort(new Error("enough"));
    await assertRejects(() => creating, Error, "enough");
  });
});

Deno.test("every call throws a clear error when the daemon fails, lies or hangs up", async () => {
  const cut = async (connection: Deno.UnixConn) =>
    await write(connection, 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"Id":');
  const table: [answer: FakeAnswer, code: ProviderErrorCode][] = [
    [{ status: 500, body: { message: "it broke" } }, "failed"],
    [{ status: 500, text: "<html>" }, "failed"],
    [{ status: 200, text: "[1, 2]" }, "failed"],
    [{ status: 200, text: "not JSON" }, "failed"],
    [cut, "unreachable"],
    [() => Promise.resolve(), "unreachable"],
    [(connection) => write(connection, "SSH-2.0-OpenSSH\r\n\r\n"), "unreachable"],
  ];
  for (const [answer, code] of table) {
    const spoilt = ({ path }: FakeRequest) => /^\/(containers|exec)/.test(path);
    await withDaemon((request) => spoilt(request) ? answer : undefined, async ({ provider }) => {
      const { signal } = call();
      await rejects(provider.create(SPEC, call()), code);
      await rejects(provider.find("vm_1", signal), code);
      await rejects(provider.list(signal), code);
      await rejects(provider.delete("vm_1", call()), code);
      await rejects(provider.stats(VM, call()), code);
      await rejects(provider.ports(VM, call()), code);
      await rejects(provider.exec(VM, { command: ["true"] }, call()), code);
      await rejects(provider.connect(VM, 80, call()), code);
      await rejects(provider.terminal(VM, { columns: 80, rows: 24 }, call()), code);
    });
  }
});

Deno.test("suspend() tries again when the runtime fails to, and gives up in the end", async () => {
  for (const [failures, suspends] of [[2, true], [3, false]] as const) {
    let asked = 0;
    const busy = { status: 500, body: { message: "unable to freeze" } };
    const daemon = ({ path }: FakeRequest) =>
      path.endsWith("/pause") && ++asked <= failures ? busy : undefined;
    await withDaemon(daemon, async ({ provider }) => {
      const vm = await provider.create(SPEC, call());
      if (suspends) await provider.suspend(vm, call());
      else assertStringIncludes(await rejects(provider.suspend(vm, call()), "failed"), "freeze");
      assertEquals(asked, 3);
    });
  }
});

Deno.test("calls tell a VM that is gone from one that does not run", async () => {
  const table: [answer: FakeAnswer, code: ProviderErrorCode][] = [
    [{ status: 404, body: { message: "No such container: c1" } }, "not_found"],
    [{ status: 409, body: { message: "Container c1 is paused" } }, "not_running"],
    [{ status: 500, body: { message: "container state improper" } }, "not_running"],
  ];
  for (const [answer, code] of table) {
    await withDaemon(
      ({ path }) => path.startsWith("/containers/c1") ? answer : undefined,
      async ({ provider }) => {
        await rejects(provider.exec(VM, { command: ["true"] }, call()), code);
        await rejects(provider.ports(VM, call()), code);
        await rejects(provider.stats(VM, call()), code);
      },
    );
  }
});
