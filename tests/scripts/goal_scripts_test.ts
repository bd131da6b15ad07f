/** `deno task goal …`, run as people run it, on a real server, with shell scripts as agents. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../scripts/lib/exit_codes.ts";
import { INTERRUPTED, TIMED_OUT } from "../../scripts/lib/task_exit_code.ts";
import { readLines } from "../testing/lines.ts";
import { eventually } from "../testing/processes.ts";
import { runTask, taskCommand, type TaskRun } from "../testing/run_task.ts";
import { startServer, type TestServer } from "../testing/server.ts";

/** Adds a line at each run; from the second on it claims that all is done. */
const WORKER = `echo line >> done.txt
case "$(wc -l < done.txt)" in
  *1) ;;
  *) echo '@holdfast {"goal": "complete", "summary": "All lines are there"}' ;;
esac
echo '@holdfast {"usage": {"tokens": 10}}'`;

/** Wants three lines. */
const AUDITOR = `if test "$(wc -l < done.txt)" -ge 3
then echo '@holdfast {"audit": "confirmed"}'
else echo '@holdfast {"audit": "missing", "findings": ["A line is missing"]}'
fi`;

const HANG = ["--", "sleep", "1000"];

type Goal = (...args: string[]) => Promise<TaskRun>;

/** Runs `deno task goal` against one server. */
function goalOf(server: TestServer): Goal {
  const env = { HOLDFAST_LISTEN: new URL(server.url).host };
  return (...args) => runTask("goal", args, { env });
}

async function created(goal: Goal, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await goal("create", ...args);
  assertEquals([code, stderr], [0, ""]);
  return stdout.trim();
}

Deno.test("goal create --watch follows a goal through its audits to its end", async () => {
  await using server = await startServer();
  const goal = goalOf(server);
  const { code, stdout, stderr } = await goal(
    ...["create", "Three lines are in done.txt", "--workspace", server.home, "--watch"],
    ...["--deadline", "1h", "--audit-command", AUDITOR, "--", "sh", "-c", WORKER],
  );
  assertEquals(code, EXIT.ok, stdout + stderr);
  assertMatch(stderr, /^Goal goal_\S+\n$/);
  const told = stdout.trimEnd().split("\n").map((line) => line.replace(/^\S+ +/, ""));
  assertEquals(told.map((line) => line.split(/ {2,}/)[0]).slice(-4), [
    "active.iterating",
    "active.auditing",
    "complete",
    "complete",
  ]);
  assertStringIncludes(stdout, "the audit found: A line is missing");
  assertMatch(told.at(-1) ?? "", /Reached: an audit has confirmed what iteration 3 claims$/);
  const [shown] = JSON.parse((await goal("ls", "--json", "--status", "complete")).stdout);
  assertEquals([shown.audits, shown.spent.tokens], [2, 30]);
  assertEquals((await Deno.readTextFile(`${server.home}/done.txt`)).trim().split("\n").length, 3);
});

Deno.test("goal makes, lists, shows, changes and steers goals", async (t) => {
  await using server = await startServer();
  const goal = goalOf(server);
  const id = await created(goal, "Ship it", "--budget-usd", "2.5", "--agent", "coder", ...HANG);

  await t.step("a second goal of a scope is refused", async () => {
    const { code, stderr } = await goal("create", "Another", ...HANG);
    assertEquals(code, EXIT.failed);
    assertStringIncludes(stderr, `goal "${id}" has not ended`);
  });

  await t.step("ls finds by status and scope", async () => {
    const other = await created(goal, "Other", "--scope", "docs", ...HANG);
    assertEquals((await goal("ls", "-q")).stdout, `${other}\n${id}\n`);
    assertEquals((await goal("ls", "-q", "--scope", "docs")).stdout, `${other}\n`);
    assertEquals((await goal("ls", "-q", "--status", "paused")).stdout, "");
    assertMatch((await goal("ls")).stdout, /active.iterating +default +1 +0 +\S+.* Ship it\n/);
    const wrong = await goal("ls", "--status", "done");
    assertEquals(wrong.code, EXIT.usage);
    assertStringIncludes(wrong.stderr, "waitingForSession");
  });

  await t.step("inspect: by the beginning of the id, and by address", async () => {
    const text = (await goal("inspect", id.slice("goal_".length, -3))).stdout;
    assertMatch(text, /agent +coder\n.*budget +0 tokens, 0 of 2.5 usd\n.*Objective\n {2}Ship it/s);
    assertEquals(JSON.parse((await goal("inspect", "--json", `goal:${id}`)).stdout).id, id);
    assertEquals((await goal("inspect", "nope")).code, EXIT.notFound);
  });

  await t.step("edit changes what is named", async () => {
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, "Do {{objective}}");
    const options = ["--objective", "Ship that", "--budget-usd", "none", "--budget-tokens", "5"];
    const revision = JSON.parse((await goal("inspect", "--json", id)).stdout).revision;
    const guarded = [...options, "--if-revision", String(revision)];
    assertEquals((await goal("edit", id, ...guarded, "--template-continue", file)).code, 0);
    await Deno.remove(file);
    const shown = JSON.parse((await goal("inspect", "--json", id)).stdout);
    assertEquals([shown.objective, shown.budget], ["Ship that", { tokens: 5, usd: null }]);
    assertEquals(shown.templates.continue, "Do {{objective}}");
    const stale = await goal("edit", id, ...guarded);
    assertEquals(stale.code, EXIT.failed);
    assertStringIncludes(stale.stderr, `expected ${revision}`);
    assertEquals((await goal("edit", id, "--no-audit", "--", "sleep", "2000")).code, 0);
    const { audit, task } = JSON.parse((await goal("inspect", "--json", id)).stdout);
    assertEquals([audit, task.command], ["none", ["sleep", "2000"]]);
    assertEquals((await goal("edit", id)).code, EXIT.usage);
  });

  await t.step("delay, pause and resume", async () => {
    assertMatch((await goal("delay", id, "5m")).stdout, /then it waits until \S+Z\n$/);
    assertEquals((await goal("delay", id, "5s")).code, EXIT.usage);
    assertEquals((await goal("delay", id, "0")).code, 0);
    await goal("pause", id, "--reason", "a break");
    await eventually(async () => (await goal("ls", "-q", "--status", "paused")).stdout !== "");
    assertStringIncludes((await goal("inspect", id)).stdout, "Paused by a person: a break");
    assertMatch((await goal("resume", id)).stdout, /active.iterating .* works on iteration 2\n$/);
    const again = await goal("resume", id);
    assertEquals(again.code, EXIT.failed);
    assertStringIncludes(again.stderr, 'state is "active.iterating"');
  });

  await t.step("complete says what decides", async () => {
    const { stdout } = await goal("complete", id, "--by", "ann", "--summary", "Seen it");
    assertMatch(stdout, /ann claims that the objective is reached: when it ends, that is believed/);
  });

  await t.step("Ctrl-C ends a follower, and not the goal", async () => {
    const env = { HOLDFAST_LISTEN: new URL(server.url).host };
    const follower = taskCommand("goal", ["watch", id, "--json"], { env }).spawn();
    const lines = readLines(follower.stdout);
    assertEquals(JSON.parse(await lines.until(() => true)).id, id);
    follower.kill("SIGINT");
    assertEquals((await follower.status).code, INTERRUPTED);
    await lines.rest();
    await follower.stderr.cancel();
    assertMatch((await goal("ls", "--status", "active")).stdout, new RegExp(id));
  });

  await t.step("a follower ends with a goal that is cancelled", async () => {
    const env = { HOLDFAST_LISTEN: new URL(server.url).host };
    const follower = taskCommand("goal", ["watch", id], { env }).spawn();
    const lines = readLines(follower.stdout);
    await lines.until((line) => line.includes("active.iterating"));
    assertEquals((await goal("cancel", id, "--reason", "enough")).code, 0);
    await lines.until((line) => line.includes("Cancelled by a person: enough"));
    await lines.rest();
    assertEquals((await follower.status).code, EXIT.failed);
    await follower.stderr.cancel();
    assertEquals((await goal("cancel", id)).code, EXIT.failed);
  });
});

Deno.test("goal watch ends as a goal does whose deadline passes", async () => {
  await using server = await startServer();
  const goal = goalOf(server);
  const work = 'case "$HOLDFAST_PROMPT" in *", last iteration"*) ;; *) sleep 1000 ;; esac';
  const id = await created(goal, "Too much", "--deadline", "3s", "--", "sh", "-c", work);
  const { code, stdout } = await goal("watch", id);
  assertEquals(code, TIMED_OUT);
  assertMatch(stdout, /timeout +Its deadline passed at \S+Z\n$/);
});

Deno.test("goal says what is wrong with its arguments", async () => {
  const help = await runTask("goal", ["--help"]);
  assertStringIncludes(help.stdout, "deno task goal create");
  assertStringIncludes(
    (await runTask("goal", ["create", "--help"])).stdout,
    "--template-audit FILE",
  );
  const wrong: [args: string[], said: string][] = [
    [[], "want a command"],
    [["nope"], "there are create, ls"],
    [["create"], "want objective"],
    [["create", "x"], "want a program and its arguments, after --"],
    [["create", "x", "true"], "want -- before it"],
    [["create", "All", "tests", "--", "true"], 'Cannot use "tests": put the whole objective'],
    [["create", "x", "--deadline", "soon", "--", "true"], "want a time such as"],
    [["create", "x", "--budget-tokens", "-1", "--", "true"], "want"],
    [["create", "x", "--no-audit", "--audit-command", "y", "--", "true"], "there is no audit"],
    [["create", "x", "--template-audit", "none/such", "--", "true"], "Cannot use --template-audit"],
    [["edit", "x", "--audit", "--no-audit"], "they say the opposite"],
    [["delay", "x"], "want time"],
  ];
  for (const [args, said] of wrong) {
    const { code, stderr } = await runTask("goal", args);
    assertEquals(code, EXIT.usage, args.join(" "));
    assertStringIncludes(stderr, said);
  }
});
