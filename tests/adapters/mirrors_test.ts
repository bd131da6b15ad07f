import { assertEquals } from "@std/assert";
import {
  type CommandExecutor,
  createCommandExecutor,
} from "../../actors/adapters/executor/command.ts";
import { removeUnusedMirrors } from "../../actors/adapters/executor/mirrors.ts";
import { createMutex, type Mutex } from "../../actors/adapters/executor/mutex.ts";
import { systemClock } from "../../actors/runtime/clock.ts";
import { executorInput } from "../suites/executor_suite.ts";
import { createTestContext } from "../testing/effect_context.ts";
import { makeRepository } from "../testing/git_server.ts";

const DAY_MS = 24 * 60 * 60_000;

type Place = { home: string; source: string; executor: CommandExecutor; later: { ms: number } };

/** A data directory in which a task has worked on a repository. */
async function withMirror(test: (place: Place) => Promise<void>): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  const [home, source] = [`${root}/home`, `${root}/source`];
  const later = { ms: 0 };
  const clock = { ...systemClock, now: () => Date.now() + later.ms };
  const executor = createCommandExecutor({ home, instance: "test", clock });
  try {
    await makeRepository(source);
    await work({ source, executor }, "first");
    await test({ home, source, executor, later });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function work({ source, executor }: Pick<Place, "source" | "executor">, taskId: string) {
  const input = executorInput(["cat", "file"], { taskId, workspace: { repo: source } });
  assertEquals((await executor.run(input, createTestContext())).output, "two");
}

/** Tidies so many days from now. */
function tidy({ executor, later }: Place, days: number): Promise<number> {
  later.ms = days * DAY_MS;
  return executor.removeUnusedMirrors();
}

async function mirrorsIn({ home }: Place): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(`${home}/repos`))).map((entry) => entry.name);
}

Deno.test("removeUnusedMirrors() keeps a mirror that a worktree refers to, however old", () =>
  withMirror(async (place) => {
    assertEquals(await tidy(place, 400), 0);
    assertEquals((await mirrorsIn(place)).length, 1);
  }));

Deno.test("removeUnusedMirrors() takes a mirror that nobody used for 30 days; it is cloned again", () =>
  withMirror(async (place) => {
    await Deno.remove(`${place.home}/worktrees/first`, { recursive: true });
    assertEquals(await tidy(place, 29), 0);
    assertEquals(await tidy(place, 31), 1);
    assertEquals(await mirrorsIn(place), []);
    await work(place, "second");
    assertEquals((await mirrorsIn(place)).length, 1);
  }));

Deno.test("removeUnusedMirrors() takes what a clone left that was cut off long ago", () =>
  withMirror(async (place) => {
    await Deno.mkdir(`${place.home}/repos/torn.partial/objects`, { recursive: true });
    assertEquals(await tidy(place, 29), 0);
    assertEquals(await tidy(place, 31), 1);
    assertEquals((await mirrorsIn(place)).length, 1);
  }));

Deno.test("removeUnusedMirrors() leaves a mirror that a task takes up meanwhile", () =>
  withMirror(async (place) => {
    await Deno.remove(`${place.home}/worktrees/first`, { recursive: true });
    const [name] = await mirrorsIn(place);
    const mirror = `${place.home}/repos/${name}`;
    const { promise: told, resolve: goOn } = Promise.withResolvers<void>();
    const locks = createMutex();
    const busy = locks(mirror, new AbortController().signal, async () => {
      await told;
      const fetched = new Date(Date.now() + 31 * DAY_MS);
      await Deno.utime(`${mirror}/FETCH_HEAD`, fetched, fetched);
    });
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const mutex: Mutex = (key, signal, work) => {
      assertEquals(key, mirror);
      ask();
      return locks(key, signal, work);
    };
    const now = Date.now() + 31 * DAY_MS;
    const tidied = removeUnusedMirrors({ repos: `${place.home}/repos`, mutex, now });
    await asked;
    goOn();
    await busy;
    assertEquals(await tidied, 0);
    assertEquals(await mirrorsIn(place), [name]);
  }));

Deno.test("removeUnusedMirrors() finds nothing in a home without repositories", async () => {
  const executor = createCommandExecutor({ home: "/nowhere/at/all", instance: "test" });
  assertEquals(await executor.removeUnusedMirrors(), 0);
});
