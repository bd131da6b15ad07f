/** `deno task schedule …`, run as people run it, on a real server. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../scripts/lib/exit_codes.ts";
import { eventually } from "../testing/processes.ts";
import { runTask, type TaskRun } from "../testing/run_task.ts";
import { startServer, type TestServer } from "../testing/server.ts";

/** Runs `deno task schedule` against one server. */
function scheduleOf(server: TestServer) {
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  return (...args: string[]): Promise<TaskRun> => runTask("schedule", args, { env });
}

Deno.test("schedule makes, lists, shows, changes and steers schedules", async (t) => {
  await using server = await startServer();
  const schedule = scheduleOf(server);
  const shown = async (id: string) => JSON.parse((await schedule("inspect", "--json", id)).stdout);
  const id = "schedule_health";

  await t.step("create prints the id alone", async () => {
    const options = ["--every", "5m", "--id", id, "--label", "team=web", "--env", "A=1"];
    const { code, stdout, stderr } = await schedule(
      ...["create", "Health", ...options, "--", "sh", "-c", "echo $A {{scheduleName}} --json"],
    );
    assertEquals([code, stdout], [0, `${id}\n`]);
    assertEquals(stderr, "First run in 5m\n");
  });

  await t.step("create by cron, and once, with all that a task takes", async () => {
    const nightly = await schedule(
      ...["create", "Nightly", "--json", "--cron", "0 3 * * *", "--timezone", "Europe/Berlin"],
      ...["--overlap", "queue", "--catch-up", "none", "--max-runs", "3", "--expires", "30d"],
      ...["--session", "web", "--scope", "web", "--manage", "scopeAll", "--timeout", "10m"],
      ...["--vm", "new", "--prompt", "Now {{time}}", "--workspace", "/srv", "--", "true"],
    );
    const made = JSON.parse(nightly.stdout);
    assertEquals(
      [made.schedule, made.overlap, made.catchUp, made.maxRuns, made.session, made.scope],
      [{ cron: "0 3 * * *", timezone: "Europe/Berlin" }, "queue", "none", 3, "web", "web"],
    );
    assertEquals([made.manageMode, made.task.timeoutMs, made.task.prompt], [
      "scopeAll",
      600_000,
      "Now {{time}}",
    ]);
    assertEquals([made.task.vm.provider, made.task.workspace], ["process", { path: "/srv" }]);
    const once = await schedule("create", "Once", "--json", "--at", "8h", "--fresh", "--", "true");
    assertEquals(Object.keys(JSON.parse(once.stdout).schedule), ["at"]);
    assertEquals(JSON.parse(once.stdout).fresh, true);
  });

  await t.step("ls finds by status and scope", async () => {
    assertMatch((await schedule("ls")).stdout, /schedule_health +active\.armed +every 5m +in /);
    assertEquals((await schedule("ls", "-q", "--status", "paused")).stdout, "");
    assertStringIncludes((await schedule("ls", "--scope", "web")).stdout, "Nightly");
    assertEquals((await schedule("ls", "--limit", "0")).code, EXIT.usage);
    assertEquals((await schedule("ls", "--status", "armed")).code, EXIT.usage);
  });

  await t.step("run runs it now; inspect shows what came of it", async () => {
    assertMatch((await schedule("run", "health")).stdout, /task:task_schedule_health_m/);
    await eventually(async () => (await shown(id)).last !== null);
    const { stdout } = await schedule("inspect", `schedule:${id}`);
    assertMatch(stdout, /counts +1 runs, 1 succeeded/);
    assertMatch(stdout, /Last result\n {2}1 Health --json/);
    assertStringIncludes(stdout, "env A");
  });

  await t.step("edit changes what it names, and takes away", async () => {
    const args = ["--every", "10m", "--name", "Pulse", "--env", "B=2", "--max-runs", "9"];
    assertMatch((await schedule("edit", id, ...args)).stdout, /rule +every 10m/);
    const { name, maxRuns, task } = await shown(id);
    assertEquals([name, maxRuns, task.envNames], ["Pulse", 9, ["A", "B"]]);
    const unset = ["--unset", "maxRuns", "--unset", "task.labels.team", "--unset", "task.env.A"];
    await schedule("edit", id, ...unset, "--", "echo", "hi");
    const after = await shown(id);
    assertEquals([after.maxRuns, after.task.command, after.task.labels, after.task.envNames], [
      null,
      ["echo", "hi"],
      {},
      ["B"],
    ]);
  });

  await t.step("edit is refused where another was faster, and where nothing is named", async () => {
    const late = await schedule("edit", id, "--revision", "1", "--name", "x");
    assertEquals(late.code, EXIT.failed);
    assertStringIncludes(late.stderr, "revision is");
    assertEquals((await schedule("edit", id)).code, EXIT.usage);
    const fixed = await schedule("edit", id, "--unset", "createdBy");
    assertEquals(fixed.code, EXIT.usage);
    assertStringIncludes(fixed.stderr, "/createdBy: cannot be changed");
  });

  await t.step("pause, resume, rm and restore", async () => {
    assertMatch((await schedule("pause", id, "--reason", "Release")).stdout, /paused/);
    assertMatch((await schedule("inspect", id)).stdout, /paused, person\nwhy +Release/);
    assertMatch((await schedule("resume", id)).stdout, /active\.armed/);
    assertMatch((await schedule("rm", id)).stdout, /deleted/);
    assertEquals((await schedule("ls", "-q", "--status", "deleted")).stdout, `${id}\n`);
    const refused = await schedule("run", id);
    assertEquals(refused.code, EXIT.failed);
    assertStringIncludes(refused.stderr, "restore it first");
    assertMatch((await schedule("restore", id)).stdout, /paused/);
  });

  await t.step("preview of one that is there, and of a rule", async () => {
    const { stdout, stderr } = await schedule("preview", id, "-n", "2");
    assertEquals([stdout.trim().split("\n").length, stderr], [3, "every 10 minutes\n"]);
    const berlin = ["--cron", "30 2 * * *", "--timezone", "Europe/Berlin"];
    const spring = await schedule("preview", ...berlin, "--after", "2030-03-30T12:00Z", "-n", "1");
    assertMatch(spring.stdout, /2030-03-31T01:30:00\.000Z +2030-03-31T03:30 +\+02:00/);
    const json = await schedule("preview", ...berlin, "--json", "-n", "1");
    assertEquals(JSON.parse(json.stdout).slots.length, 1);
    assertEquals((await schedule("preview", id, "--every", "5m")).code, EXIT.usage);
  });

  await t.step("what there is not is not found", async () => {
    for (const name of ["inspect", "pause", "resume", "run", "rm", "restore", "preview"]) {
      assertEquals((await schedule(name, "nope")).code, EXIT.notFound, name);
    }
    assertEquals((await schedule("edit", "nope", "--name", "x")).code, EXIT.notFound);
  });
});

Deno.test("schedule says which subcommands there are, and what each takes", async () => {
  assertStringIncludes((await runTask("schedule", ["--help"])).stdout, "deno task schedule create");
  for (const name of ["create", "ls", "inspect", "edit", "pause", "run", "rm", "preview"]) {
    const { code, stdout } = await runTask("schedule", [name, "--help"]);
    assertEquals(code, 0, name);
    assertStringIncludes(stdout, `deno task schedule ${name}`);
  }
});

/** Arguments that are refused before the server is asked, and why. */
const MISTAKES: readonly [string[], RegExp][] = [
  [[], /want a command/],
  [["nope"], /there are create, ls/],
  [["create"], /want a name/],
  [["create", "x"], /want a program/],
  [["create", "x", "--", "true"], /one of --every, --cron and --at/],
  [["create", "x", "--every", "5m", "--at", "8h", "--", "true"], /--every and --at together/],
  [["create", "x", "--cron", "@daily", "--", "true"], /want --timezone/],
  [["create", "x", "--timezone", "UTC", "--", "true"], /one of --every/],
  [["create", "x", "--every", "5m", "--timezone", "UTC", "--", "true"], /it is for --cron/],
  [["create", "x", "--every", "5", "--", "true"], /--every "5"/],
  [["create", "x", "--at", "soon", "--", "true"], /--at "soon"/],
  [["create", "x", "--every", "5m", "--max-runs", "many", "--", "true"], /whole number/],
  [["preview"], /one of --every/],
  [["pause"], /want id/],
  [["ls", "--nope"], /no such option/],
];

Deno.test("schedule refuses mistakes in its arguments", async () => {
  for (const [args, message] of MISTAKES) {
    const { code, stderr } = await runTask("schedule", args);
    assertEquals(code, EXIT.usage, args.join(" "));
    assertMatch(stderr, message);
  }
});

Deno.test("schedule passes on what the server refuses, and says where none answers", async () => {
  await using server = await startServer();
  const schedule = scheduleOf(server);
  const short = await schedule("create", "x", "--every", "5s", "--", "true");
  assertEquals(short.code, EXIT.usage);
  assertMatch(short.stderr, /everySeconds.*60/);
  const unknown = await schedule("create", "x", "--every", "5m", "--", "echo", "{{nwo}}");
  assertEquals(unknown.code, EXIT.usage);
  assertStringIncludes(unknown.stderr, "there is no variable {{nwo}}");
  await server.stop();
  assertEquals((await schedule("ls")).code, EXIT.unavailable);
});
