import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { EXIT, ExitError } from "../../scripts/lib/exit_codes.ts";
import { UsageError } from "../../scripts/lib/args.ts";
import { type Checkout, newKind } from "../../scripts/lib/new_kind_files.ts";
import { runTask } from "../testing/run_task.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

/** What a copy of the checkout needs for a kind to be made, checked and run in it. */
const PARTS = ["actors", "machines", "routes", "scripts", "tests", "web"];
const FILES = ["deno.json", "deno.lock", "mod.ts"];

/** A kind's lists as they are at least. */
const LISTS: { readonly [path: string]: string } = {
  "actors/kinds.ts":
    `import { a } from "./a.ts";\n\n[\n  a,\n  // New kinds go above this line.\n]\n`,
  "routes/app.ts": `import { mountA } from "./a.ts";\n\n[\n  mountA,\n  mountActors,\n]\n`,
};

function checkoutOf(files: { readonly [path: string]: string }): Checkout {
  return {
    read: (path) => files[path],
    list: (folder) =>
      Object.keys(files).filter((path) => dirname(path) === folder)
        .map((path) => path.slice(folder.length + 1)),
  };
}

Deno.test("newKind() names the kind in each list, imports behind imports", () => {
  const { created, changed } = newKind("code_review", checkoutOf(LISTS));
  assertEquals(Object.keys(created).sort(), [
    "actors/code_review.ts",
    "machines/code_review.ts",
    "routes/code_review.ts",
    "tests/machines/code_review_test.ts",
  ]);
  assertEquals(
    changed["actors/kinds.ts"],
    `import { a } from "./a.ts";\nimport { codeReviewKind } from "./code_review.ts";\n\n` +
      `[\n  a,\n  codeReviewKind,\n  // New kinds go above this line.\n]\n`,
  );
  assertEquals(
    changed["routes/app.ts"],
    `import { mountA } from "./a.ts";\nimport { mountCodeReviews } from "./code_review.ts";\n\n` +
      `[\n  mountA,\n  mountCodeReviews,\n  mountActors,\n]\n`,
  );
  assertEquals(Object.values(created).join("").includes("{{"), false);
});

for (const name of ["", "Order", "9lives", "a-b", "a__b", "a_", "../a", "x".repeat(31)]) {
  Deno.test(`newKind() refuses the name "${name}"`, () => {
    assertThrows(
      () => newKind(name, checkoutOf(LISTS)),
      UsageError,
      `Cannot name a kind "${name}"`,
    );
  });
}

Deno.test("newKind() refuses what would write over something, or serve its path", () => {
  const taken = checkoutOf({ ...LISTS, "actors/order.ts": "" });
  assertThrows(() => newKind("order", taken), ExitError, "actors/order.ts exists");
  const served = checkoutOf({ ...LISTS, "routes/shop.ts": `path: "/v1/orders/{id}"` });
  assertThrows(() => newKind("order", served), ExitError, "routes/shop.ts serves /v1/orders");
  assertEquals(Object.keys(newKind("ord", served).created).length, 4);
});

Deno.test("newKind() changes nothing where a list is not as it knows it", () => {
  const files = { ...LISTS, "routes/app.ts": "" };
  assertThrows(() => newKind("order", checkoutOf(files)), ExitError, "Cannot add to routes/app.ts");
});

Deno.test("new-kind writes a kind that passes its own tests and works over HTTP", async (t) => {
  const root = await copyOfCheckout();
  try {
    await t.step("it is written once", async () => {
      const { code, stdout } = await runTask("new-kind", ["deployment", "--json"], { root });
      assertEquals(code, 0);
      assertEquals(JSON.parse(stdout).changed, ["actors/kinds.ts", "routes/app.ts"]);
      const again = await runTask("new-kind", ["deployment"], { root });
      assertEquals(again.code, EXIT.failed);
      assertStringIncludes(again.stderr, "machines/deployment.ts exists");
    });

    // The shortest and the longest name there can be: lines are broken at other places.
    const names = ["deployment", "x", "review_of_a_large_change_again"];
    await t.step("it is formatted, linted and typed", async () => {
      for (const name of names.slice(1)) {
        assertEquals((await runTask("new-kind", [name], { root })).code, 0);
      }
      const files = names.flatMap((name) => [
        `machines/${name}.ts`,
        `actors/${name}.ts`,
        `routes/${name}.ts`,
        `tests/machines/${name}_test.ts`,
      ]);
      const lists = ["actors/kinds.ts", "routes/app.ts"];
      await deno(root, "fmt", "--check", ...files, ...lists);
      await deno(root, "lint", ...files, ...lists);
      await deno(root, "check", ...files, ...lists);
    });

    await t.step("its tests pass", async () => {
      const tests = names.map((name) => `tests/machines/${name}_test.ts`);
      assertStringIncludes(await deno(root, "test", "--no-check", ...tests), "15 passed");
    });

    await t.step("it works over HTTP", () => useOverHttp(root));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

/** Starts the app of a checkout in this process, and takes a deployment through its life. */
async function useOverHttp(root: string): Promise<void> {
  const load = (path: string) => import(pathToFileURL(join(root, path)).href);
  const { createKinds }: typeof import("../../actors/kinds.ts") = await load("actors/kinds.ts");
  const { createSystem }: typeof import("../../actors/runtime/system.ts") = await load(
    "actors/runtime/system.ts",
  );
  const { MemoryStore }: typeof import("../../actors/store/memory.ts") = await load(
    "actors/store/memory.ts",
  );
  const { createApp }: typeof import("../../routes/app.ts") = await load("routes/app.ts");
  const { kinds } = createKinds({ home: root });
  const system = createSystem({ store: new MemoryStore(), kinds });
  await system.start();
  const app = createApp(system);
  const call = async (method: string, path: string, body?: object) => {
    const response = await app.request(`http://localhost/v1/deployments${path}`, {
      method,
      ...(body && {
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    });
    return { code: response.status, body: await response.json() };
  };

  assertEquals((await call("POST", "", { titel: "x" })).code, 422);
  const { code, body: made } = await call("POST", "", { title: "First" });
  assertEquals([code, made.state, made.title], [201, "requested", "First"]);
  assertEquals((await call("POST", `/${made.id}/start`)).body.state, "working");
  await system.waitFor(`deployment:${made.id}`, ({ status }) => status !== "active");
  const { body: ended } = await call("GET", `/${made.id}`);
  assertEquals([ended.state, ended.result, ended.error], ["succeeded", "First: done", null]);
  assertEquals((await call("POST", `/${made.id}/cancel`)).code, 409);
  assertEquals((await call("GET", "?state=succeeded")).body.items, [ended]);
  assertEquals((await call("GET", "/nope")).code, 404);
  await system.stop();
}

async function copyOfCheckout(): Promise<string> {
  const root = await Deno.makeTempDir({ prefix: "holdfast_new_kind_" });
  for (const file of FILES) await Deno.copyFile(join(ROOT, file), join(root, file));
  for (const part of PARTS) await copyFolder(join(ROOT, part), join(root, part));
  return root;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const paths = [join(from, name), join(to, name)] as const;
    await (isDirectory ? copyFolder(...paths) : Deno.copyFile(...paths));
  }
}

/** Runs deno in a checkout; throws with what it said where it fails. */
async function deno(root: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code === 0) return text;
  throw new Error(`deno ${args.slice(0, 2).join(" ")} ended with ${code}\n${text}`);
}
