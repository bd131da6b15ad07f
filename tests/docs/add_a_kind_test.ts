import { assert, assertEquals, assertMatch } from "@std/assert";
import { copyCheckout } from "../testing/checkout.ts";
import { eventually } from "../testing/processes.ts";
import { blocksOf, missingOf, Reader } from "./document.ts";

const PAGE = new URL("../../docs/add_a_kind.md", import.meta.url);
/** Longest wait for a deployment to end. */
const END_MS = 60_000;

const missing = missingOf(["sh", "git", "curl"]);
const skipped = missing.length === 0 ? "" : ` (skipped: no ${missing.join(", ")})`;

Deno.test({
  name: `docs/add_a_kind.md leads to a kind that works over HTTP${skipped}`,
  ignore: missing.length > 0,
  async fn() {
    await using checkout = await copyCheckout();
    await using reader = await Reader.at(checkout.path);
    for (const block of blocksOf(await Deno.readTextFile(PAGE))) await reader.follow(block);

    const get = async (path: string) =>
      await (await fetch(`http://${reader.address}${path}`)).json();
    const ended = async (id: string) => {
      const late = performance.now() + END_MS;
      let found = await get(`/v1/deployments/${id}`);
      await eventually(async () => {
        assert(performance.now() < late, `${id} is still ${found.state}`);
        found = await get(`/v1/deployments/${id}`);
        return found.status !== "active";
      });
      return found;
    };
    const { items } = await get("/v1/deployments?sort=oldest");
    const [trial, first, later] = items;
    assertEquals(items.map((item: { title: string }) => item.title), ["Trial", "First", "Later"]);
    assertEquals((await ended(trial.id)).state, "succeeded");

    // It waited for its build and its place, failed once, and came through with the same key.
    const deployed = await ended(first.id);
    assertEquals([deployed.state, deployed.error], ["succeeded", null]);
    const key = `https://flaky\\.example/First\\?key=deployment:${first.id}/\\d+/\\d+`;
    assertMatch(deployed.url, new RegExp(`^${key}$`));

    // It was written by version 1, and goes on under version 2.
    assertEquals(later.state, "planned");
    const history = await get(`/v1/actors/deployment:${later.id}/history?sort=oldest`);
    const events = history.items.map((entry: { event: { type: string } }) => entry.event.type);
    assertEquals(events, ["xstate.init", "holdfast.upgraded"]);
    const path = `http://${reader.address}/v1/deployments/${later.id}/start`;
    const started = await fetch(path, { method: "POST" });
    assertEquals([started.status, (await started.json()).error], [200, null]);
    assertEquals((await ended(later.id)).state, "succeeded");

    const drawn = await Deno.readTextFile(`${checkout.path}/docs/state_machines.md`);
    assert(drawn.includes("deployment_underway_working"));
  },
});
