/** Commands in VMs of the `docker` provider on a daemon that hangs up, hangs or goes away. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type {
  ExecRequest,
  ProviderErrorCode,
  VmProvider,
} from "../../actors/adapters/vm/provider.ts";
import {
  type FakeAnswer,
  type FakeDocker,
  type FakeRequest,
  frame,
  hang,
  markerOf,
  upgraded,
  write,
} from "../testing/fake_docker.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { call, rejects, VM, withDaemon } from "./vm_docker_bench.ts";

/** A daemon on which every command of ours does `run` after its greeting, which says `ok`. */
function commands(
  run: (connection: Deno.UnixConn) => Promise<void>,
  rest: (request: FakeRequest) => FakeAnswer | undefined = () => undefined,
  { greeting = "o" } = {},
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
      const said = `${marker}${greeting}`;
      // A terminal has one stream, and no frames.
      await write(connection, request.body.Tty === true ? said : frame(2, said));
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

Deno.test("commands that cannot begin say why", async () => {
  const attempts = {
    exec: (provider: VmProvider) => provider.exec(VM, { command: ["x"], cwd: "sub" }, call()),
    terminal: (provider: VmProvider) => provider.terminal(VM, { columns: 8, rows: 2 }, call()),
    connect: (provider: VmProvider) => provider.connect(VM, 80, call()),
  };
  const table: [keyof typeof attempts, letter: string, code: ProviderErrorCode, text: string][] = [
    ["exec", "d", "cwd_not_found", "there is no directory /workspace/sub"],
    ["exec", "c", "command_not_found", "there is no such program"],
    ["exec", "x", "command_not_found", "it is not executable"],
    ["terminal", "d", "cwd_not_found", "/workspace is not there"],
    ["terminal", "c", "command_not_found", "the VM's shell is not there"],
    ["connect", "p", "port_closed", "nothing listens there"],
    ["connect", "r", "failed", "none of nc, socat and bash"],
  ];
  for (const [method, greeting, code, text] of table) {
    const daemon = commands(() => Promise.resolve(), undefined, { greeting });
    await withDaemon(daemon, async ({ provider, docker }) => {
      assertStringIncludes(await rejects(attempts[method](provider), code), text);
      assertEquals(signalsIn(docker), [], "it has ended by itself");
    });
  }
});

Deno.test("exec() whose connection is cut ends the command, and says so", async () => {
  const daemon = commands((connection) => write(connection, frame(1, "hello").subarray(0, 10)));
  await withDaemon(daemon, async ({ provider, docker }) => {
    const message = await rejects(provider.exec(VM, { command: ["x"] }, call()), "unreachable");
    assertStringIncludes(message, "was cut");
    assertEquals(signalsIn(docker), ["TERM", "KILL"]);
  });
});

Deno.test("exec() whose connection is torn down asks whether the command goes on", async () => {
  const running = ({ path }: FakeRequest) =>
    path === "/exec/mine/json" ? { status: 200, body: { Running: true } } : undefined;
  // Closed with input that nobody has read: the other side sees a reset.
  const daemon = commands(async (connection) => {
    await connection.read(new Uint8Array(1));
  }, running);
  await withDaemon(daemon, async ({ provider, docker, clock }) => {
    let ended = false;
    const stdin = new Blob(["unread"]).stream();
    const exec = rejects(provider.exec(VM, { command: ["x"], stdin }, call()), "unreachable")
      .finally(() => ended = true);
    while (!ended) await clock.advance(1_000);
    assertStringIncludes(await exec, "was cut");
    assertEquals(signalsIn(docker), ["TERM", "KILL"]);
  }, { manual: true });
});

Deno.test("exec() waits for a command that has closed its output", async () => {
  let looks = 0;
  const daemon = commands(
    (connection) => write(connection, frame(1, "bye")),
    ({ path }) =>
      path !== "/exec/mine/json"
        ? undefined
        : { status: 200, body: { Running: ++looks < 30, ExitCode: 3 } },
  );
  await withDaemon(daemon, async ({ provider, clock }) => {
    let ended = false;
    const exec = provider.exec(VM, { command: ["x"] }, call()).finally(() => ended = true);
    while (!ended) await clock.advance(1_000);
    assertEquals(await exec, { exitCode: 3, signal: null });
  }, { manual: true });
});

Deno.test("exec() that is given up ends the command, and only then throws the reason", async () => {
  const daemon = commands(async (connection) => {
    await write(connection, frame(1, "on"));
    await hang(connection);
  });
  await withDaemon(daemon, async ({ provider, docker }) => {
    const giveUp = new AbortController();
    const request: ExecRequest = {
      command: ["x"],
      killGraceMs: 0,
      onOutput: () => giveUp.abort(new Error("enough")),
    };
    const running = provider.exec(VM, request, call(giveUp.signal));
    await assertRejects(() => running, Error, "enough");
    assertEquals(signalsIn(docker), ["TERM", "KILL"]);
  });
});

Deno.test("exec() that is given up while the daemon is away says what goes on", async () => {
  const begun = Promise.withResolvers<void>();
  let away = false;
  const daemon = commands(async (connection) => {
    begun.resolve();
    await hang(connection);
  });
  await withDaemon(
    (request) => away ? { status: 500, body: { message: "away" } } : daemon(request),
    async ({ provider, warnings }) => {
      const giveUp = new AbortController();
      const running = provider.exec(VM, { command: ["x"] }, call(giveUp.signal));
      await begun.promise;
      away = true;
      giveUp.abort(new Error("enough"));
      await assertRejects(() => running, Error, "enough");
      assertStringIncludes(warnings.join(), "Cannot end a command");
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
