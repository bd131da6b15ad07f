/** `deno task alerts`, run as people run it, on a server with alerts of the test's own. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createAlertKind } from "../../actors/alert.ts";
import { createSystem } from "../../actors/runtime/system.ts";
import { openMemoryStore } from "../../actors/store/memory.ts";
import { createApp } from "../../routes/app.ts";
import { EXIT } from "../../scripts/lib/exit_codes.ts";
import { runTask } from "../testing/run_task.ts";

Deno.test("alerts lists what holds, and takes word of who has seen it", async (t) => {
  const system = createSystem({ store: openMemoryStore(), kinds: [createAlertKind()] });
  await system.start();
  const raise = (id: string, kind: string) =>
    system.spawn("alert", id, { id, kind, actor: "task:a", reason: `It is ${kind}` });
  await raise("alert_one", "stuck");
  await raise("alert_two", "silent");
  await raise("alert_old", "orphaned");
  await system.send("alert:alert_old", { type: "alert.clear" });
  const app = createApp(system);
  const listening = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(listening, (request) => app.fetch(request));
  const url = `http://127.0.0.1:${server.addr.port}`;
  const alerts = (...args: string[]) => runTask("alerts", [...args, "--url", url]);

  await t.step("a line for each that holds", async () => {
    const { code, stdout } = await alerts();
    const [head, ...lines] = stdout.trim().split("\n");
    assertEquals([code, lines.length], [0, 2]);
    assertMatch(head ?? "", /^ID +KIND +STATE +ACTOR +FOR +REASON$/);
    assertMatch(lines[1] ?? "", /^alert_one +stuck +raised +task:a +\S+ +It is stuck$/);
  });

  await t.step("JSON and filters", async () => {
    const { stdout } = await alerts("ls", "--json", "--status", "any", "--kind", "orphaned");
    const [only, ...others] = JSON.parse(stdout);
    assertEquals([only.id, only.state, others], ["alert_old", "receded", []]);
  });

  await t.step("acknowledge, by the beginning of an id", async () => {
    const { code, stdout } = await alerts("acknowledge", "one", "--by", "anna", "--note", "On it");
    assertEquals(code, 0);
    assertMatch(stdout, /alert_one +stuck +raised, seen by anna/);
    const { context } = await system.get("alert:alert_one");
    assertStringIncludes(JSON.stringify(context), `"note":"On it"`);
  });

  await t.step("what cannot be done is said", async () => {
    const none = await alerts("acknowledge", "none");
    assertEquals(none.code, EXIT.notFound);
    assertMatch(none.stderr, /^Cannot find alert "none"/);
    const { code, stderr } = await alerts("--status", "gone");
    assertEquals(code, EXIT.usage);
    assertStringIncludes(stderr, `Cannot use --status "gone": want raised, receded, cleared, any`);
  });

  await server.shutdown();
  await system.stop();
});
