/** What the `docker` provider makes of a daemon that is away, lies, hangs, fails or hangs up. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { systemClock } from "../../actors/runtime/clock.ts";
import { createDockerProvider } from "../../actors/adapters/vm/docker.ts";
import { chooseVersion } from "../../actors/adapters/vm/docker_api.ts";
import {
  type ExecRequest,
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
  frame,
  hang,
  markerOf,
  startFakeDocker,
  upgraded,
  write,
} from "../testing/fake_docker.ts";
import { ManualClock } from "../testing/manual_clock.ts";

const SPEC: VmSpec = {
  vmId: "vm_1",
  generation: 1,
  image: "a/b:1",
  source: null,
  resources: { cpus: null, memoryMiB: 64, diskMiB: null },
  network: "none",
  env: {},
};
const VM: VmHandle = {
  vmId: "vm_1",
  generation: 1,
  providerId: "c1",
  workDir: "/workspace",
  details: { instance: "test" },
};
const call = (signal = new AbortController().signal) => ({ key: "k", signal, report() {} });

type World = {
  docker: FakeDocker;
  provider: VmProvider;
  clock: ManualClock;
  warnings: string[];
};

/** A provider on a daemon that does what `answer` says; its time is the test's, if it asks. */
async function withDaemon(
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

async function rejects(promise: Promise<unknown>, code: ProviderErrorCode): Promise<string> {
  const error = await assertRejects(() => promise, ProviderError);
  assertEquals(error.code, code, error.message);
  return error.message;
}

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

/** A daemon on which every command of ours does `run` after its greeting. */
function commands(
  run: (connection: Deno.UnixConn) => Promise<void>,
  rest: (request: FakeRequest) => FakeAnswer | undefined = () => undefined,
): (request: FakeRequest) => FakeAnswer | undefined {
  let marker = "";
  return (request) => {
    if (request.path === "/containers/c1/exec" && markerOf(request) !== "") {
      marker = markerOf(request);
      return { status: 201, body: { Id: "mine" } };
    }
    if (request.path === "/containers/c1/exec") return { status: 201, body: { Id: "script" } };
    if (request.path === "/exec/script/start") return upgraded(() => Promise.resolve());
    if (request.path !== "/exec/mine/start") return rest(request);
    return upgraded(async (connection) => {
      await write(connection, frame(2, `${marker}o`));
      await run(connection);
    });
  };
}

/** The signals that our scripts in the container were asked to send. */
const signalsIn = ({ requests }: FakeDocker) =>
  requests.filter(({ path, body }) => path.endsWith("/exec") && Array.isArray(body.Cmd))
    .flatMap(({ body }) => /^(?:TERM|KILL)$/.exec(String((body.Cmd as string[])[4]))?.[0] ?? []);

Deno.test("exec() passes on output and exit code", async () => {
  const daemon = commands(
    (connection) => write(connection, frame(1, "hello")),
    ({ path }) =>
      path === "/exec/mine/json"
        ? { status: 200, body: { Running: false, ExitCode: 3 } }
        : undefined,
  );
  await withDaemon(daemon, async ({ provider, docker }) => {
    let output = "";
    const request: ExecRequest = {
      command: ["x"],
      onOutput: ({ stream, data }) =>
        void (output += `${stream} ${new TextDecoder().decode(data)}`),
    };
    assertEquals(await provider.exec(VM, request, call()), { exitCode: 3, signal: null });
    assertEquals(output, "stdout hello");
    assertEquals(signalsIn(docker), []);
  });
});

Deno.test("exec() whose connection is cut ends the command, and says so", async () => {
  const table = { "in a frame": frame(1, "hello").subarray(0, 10), "between": frame(1, "hello") };
  for (const [where, bytes] of Object.entries(table)) {
    const running = ({ path }: FakeRequest) =>
      path === "/exec/mine/json" ? { status: 200, body: { Running: true } } : undefined;
    const daemon = commands((connection) => write(connection, bytes), running);
    await withDaemon(daemon, async ({ provider, docker, clock }) => {
      let ended = false;
      const running = rejects(provider.exec(VM, { command: ["x"] }, call()), "unreachable")
        .finally(() => ended = true);
      // As long as it is given to know the exit code.
      while (!ended) await clock.advance(1_000);
      assertStringIncludes(await running, "was cut", where);
      assertEquals(signalsIn(docker), ["TERM", "KILL"]);
    }, { manual: true });
  }
});

Deno.test("exec() that is given up ends the command, and only then throws the reason", async () => {
  const begun = Promise.withResolvers<void>();
  const daemon = commands(async (connection) => {
    begun.resolve();
    await hang(connection);
  });
  await withDaemon(daemon, async ({ provider, docker }) => {
    const giveUp = new AbortController();
    const running = provider.exec(VM, { command: ["x"], killGraceMs: 0 }, call(giveUp.signal));
    await begun.promise;
    giveUp.abort(new Error("enough"));
    await assertRejects(() => running, Error, "enough");
    assertEquals(signalsIn(docker), ["TERM", "KILL"]);
  });
});

Deno.test("exec() that cannot be ended says so, and is ended at the next contact", async () => {
  const begun = Promise.withResolvers<void>();
  let away = false;
  const daemon = commands(async (connection) => {
    begun.resolve();
    await hang(connection);
  });
  await withDaemon(
    (request) => away ? { status: 500, body: { message: "away" } } : daemon(request),
    async ({ provider, docker, warnings }) => {
      const giveUp = new AbortController();
      const running = provider.exec(VM, { command: ["x"] }, call(giveUp.signal));
      await begun.promise;
      away = true;
      giveUp.abort(new Error("enough"));
      await assertRejects(() => running, Error, "enough");
      assertStringIncludes(warnings.join(), "Cannot end a command");
      away = false;
      const before = docker.requests.length;
      const again = provider.exec(VM, { command: ["x"], killGraceMs: 0 }, {
        key: "k",
        signal: AbortSignal.abort(new Error("no")),
      });
      await assertRejects(() => again, Error, "no");
      assertEquals(docker.requests.length, before, "nothing is started for one given up before");
    },
  );
});

Deno.test("exec() holds the command up while its output is not taken", async () => {
  const chunk = "x".repeat(64 * 1024);
  let written = 0;
  const daemon = commands(async (connection) => {
    for (; written < 500; written++) await write(connection, frame(1, chunk));
  });
  await withDaemon(daemon, async ({ provider }) => {
    const first = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    let bytes = 0;
    const running = provider.exec(VM, {
      command: ["x"],
      onOutput: async ({ data }) => {
        bytes += data.length;
        first.resolve();
        await goOn.promise;
      },
    }, call());
    await first.promise;
    // Longer than the daemon would need to write it all.
    await new ManualClock().settle();
    assert(written < 100, `${written} chunks were written`);
    goOn.resolve();
    await running;
    assertEquals(bytes, 500 * chunk.length);
  });
});
