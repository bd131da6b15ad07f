/** The scripts that work on the database itself, run as people run them. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { openStore, SCHEMA_VERSION } from "../../actors/store/open.ts";
import { emptyCommit } from "../../actors/store/store.ts";
import { EXIT } from "../../scripts/lib/exit_codes.ts";
import { runTask, type TaskRun } from "../testing/run_task.ts";
import { startServer } from "../testing/server.ts";

const DAY_MS = 24 * 60 * 60_000;

/** A home with the database that a server leaves behind after one task has succeeded. */
class Home implements AsyncDisposable {
  constructor(readonly path: string) {}

  static async make(): Promise<Home> {
    const path = await Deno.makeTempDir({ prefix: "holdfast_offline_" });
    await using server = await startServer({ home: path });
    const made = await server.fetch("/v1/tasks", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: "task_one", command: ["echo", "hello"] }),
    });
    await made.body?.cancel();
    const ended = await (await server.fetch("/v1/tasks/task_one?waitMs=30000")).json();
    assertEquals(ended.state, "succeeded");
    return new Home(path);
  }

  script(name: string, ...args: string[]): Promise<TaskRun> {
    return runTask(name, args, { env: { HOLDFAST_HOME: this.path } });
  }

  async json(name: string, ...args: string[]) {
    const { code, stdout, stderr } = await this.script(name, "--json", ...args);
    if (stdout === "") throw new Error(`${name} ended with ${code}: ${stderr}`);
    return { code, ...JSON.parse(stdout) };
  }

  /** Works on the database as nobody should. */
  async tamper(sql: string): Promise<void> {
    const { createClient } = await import("@libsql/client");
    const client = createClient({ url: `file:${join(this.path, "holdfast.db")}` });
    await client.execute(sql);
    client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

Deno.test("scripts on the database refuse while a server holds it, and name the holder", async () => {
  await using server = await startServer();
  const env = { HOLDFAST_HOME: server.home };
  const spare = join(server.home, "copy");
  const calls = [["migrate"], ["check-machines"], ["replay"], ["prune"], ["backup", spare], [
    "fork",
    spare,
  ]];
  await Promise.all(calls.map(async ([name = "", ...args]) => {
    const { code, stdout, stderr } = await runTask(name, args, { env });
    assertEquals([code, stdout], [EXIT.held, ""]);
    assertStringIncludes(stderr, `process ${server.banner.pid} `);
  }));
});

Deno.test("scripts on the database say where they looked in vain", async () => {
  const { code, stderr } = await runTask("replay", ["--home", "/nowhere/at/all"]);
  assertEquals(code, EXIT.notFound);
  assertMatch(stderr, /^Cannot open database \/nowhere\/at\/all\/holdfast\.db: there is none;/);
});

Deno.test("replay folds every actor again, and finds the byte that differs", async () => {
  await using home = await Home.make();
  // The task, and the schedules of the jobs that every server has.
  assertEquals(await home.json("replay"), { code: 0, actors: 4, older: 0, differing: [] });
  assertEquals((await home.script("replay", "task:nope")).code, EXIT.notFound);
  await home.tamper(`update actors set snapshot = replace(snapshot, 'hello', 'hullo')`);
  const { code, differing: [only] } = await home.json("replay", "task_one");
  assertEquals([code, only.address, only.same], [1, "task:task_one", false]);
  assertMatch(only.detail, /hullo.*hello/s);
});

Deno.test("check-machines is content with what it wrote, and not with a state that is gone", async () => {
  await using home = await Home.make();
  const { code, kinds: [task] } = await home.json("check-machines");
  assertEquals([code, task.kind, task.histories, task.diverged], [0, "task", 1, []]);
  assertStringIncludes((await home.script("check-machines")).stdout, "Safe to deploy");
  // As if an older version had left a task in a state that this one does not have.
  await home.tamper(`update actors set version = '1.0ld', status = 'active', state = 'napping',
    snapshot = json_set(snapshot, '$.status', 'active', '$.value', 'napping')`);
  const blocked = await home.json("check-machines", "--kind", "task", "--histories", "0");
  assertEquals([blocked.code, blocked.blocking], [1, true]);
  const [{ missingStates, blocked: [reason] }] = blocked.kinds;
  assertEquals(missingStates, [{ name: "napping", count: 1, examples: ["task:task_one"] }]);
  assertEquals([reason.count, reason.examples], [1, ["task:task_one"]]);
  const { stdout } = await home.script("check-machines");
  assertMatch(stdout, /States that are gone\n +1 +napping +task:task_one\n/);
  assertStringIncludes(stdout, "Not safe to deploy");
});

Deno.test("backup writes one file that opens by itself, and never over another", async () => {
  await using home = await Home.make();
  const path = join(home.path, "copies.db");
  const { code, lastSeq } = await home.json("backup", path);
  assertEquals(code, 0);
  const beside = [...Deno.readDirSync(home.path)].filter(({ name }) => name.startsWith("copies"));
  assertEquals(beside.map(({ name }) => name), ["copies.db"]);
  const copy = await openStore(`file:${path}`);
  assertEquals(await copy.lastSeq(), lastSeq);
  assertEquals((await copy.loadActors(["task:task_one"])).length, 1);
  await copy.close();
  // A backup is what one makes before a migration: it leaves an older schema as it is.
  await home.tamper(`delete from schema`);
  assertEquals((await home.json("backup", join(home.path, "old.db"))).schemaVersion, 0);
  const nowhere = await home.script("backup", "/nowhere/at/all.db");
  assertEquals([nowhere.code, nowhere.stdout], [EXIT.notFound, ""]);
  assertMatch(nowhere.stderr, /^Cannot back up to "\/nowhere\/at\/all\.db": there is no directory/);
  const again = await home.script("backup", path);
  assertEquals(again.code, EXIT.failed);
  assertStringIncludes(again.stderr, "exists");
});

Deno.test("fork makes a home whose server shows everything and runs nothing", async () => {
  await using home = await Home.make();
  const path = join(home.path, "fork");
  const { code, start } = await home.json("fork", path);
  assertEquals(code, 0);
  assertStringIncludes(start, `--home ${path} --listen`);
  assertStringIncludes(start, "--paused true");
  await using server = await startServer({ home: path, args: ["--paused", "true"] });
  const shown = await (await server.fetch("/v1/tasks/task_one")).json();
  assertEquals(shown.result.output, "hello\n");
  const refused = await server.fetch("/v1/tasks", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ command: ["echo", "again"] }),
  });
  assertEquals([refused.status, (await refused.json()).detail], [
    503,
    "Cannot take event: the system is opened to look only",
  ]);
  assertEquals((await home.script("fork", path)).code, EXIT.failed);
});

Deno.test("prune counts, then takes histories of what ended long ago and keeps their end", async () => {
  await using home = await Home.make();
  assertEquals((await home.json("prune", "--older-than", "30d")).actors, 0);
  await home.tamper(`update actors set updated_at = ${Date.now() - 31 * DAY_MS}`);
  const counted = await home.json("prune", "--older-than", "30d", "--dry-run");
  assertEquals([counted.dryRun, counted.actors], [true, 1]);
  const pruned = await home.json("prune", "--older-than", "30d");
  assertEquals([pruned.dryRun, pruned.actors], [false, 1]);
  assertEquals(pruned.journalRows > 0, true);
  assertEquals((await home.json("prune", "--older-than", "30d")).actors, 0);
  // What is archived still folds, from its base.
  // The task, and the schedules of the jobs that every server has.
  assertEquals(await home.json("replay"), { code: 0, actors: 4, older: 0, differing: [] });
});

Deno.test("migrate alone changes the schema, and says from where to where", async () => {
  const home = new Home(await Deno.makeTempDir({ prefix: "holdfast_offline_" }));
  await using _ = home;
  // The oldest schema that there can be is that of an empty file.
  const database = join(home.path, "holdfast.db");
  await Deno.writeFile(database, new Uint8Array());
  for (const name of ["check-machines", "replay", "prune"]) {
    const { code, stderr } = await home.script(name);
    assertEquals(code, EXIT.failed);
    assertStringIncludes(stderr, `its schema is 0, this version's is ${SCHEMA_VERSION}`);
    assertStringIncludes(stderr, "deno task migrate");
  }
  const url = `file:${database}`;
  const [from, to] = [0, SCHEMA_VERSION];
  assertEquals(await home.json("migrate"), { code: 0, database: url, from, to });
  assertEquals(await home.json("migrate"), { code: 0, database: url, from: to, to });
});

Deno.test("a script lets the database go, so that a server can start on it", async () => {
  await using home = await Home.make();
  assertEquals((await home.script("replay")).code, 0);
  const store = await openStore(`file:${join(home.path, "holdfast.db")}`);
  await store.acquireLease("boot_next", Date.now(), 1_000);
  await store.commit(emptyCommit(await store.lastSeq(), Date.now()));
  await store.close();
});
