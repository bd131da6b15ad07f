/** What is done with files in a VM: pages, parts, odd names, and what cannot be read or written. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createVmFiles } from "../../actors/adapters/vm/files.ts";
import { MAX_READ_BYTES, MAX_WRITE_BYTES } from "../../actors/adapters/vm/files_limits.ts";
import { ProviderError } from "../../actors/adapters/vm/provider.ts";
import { failsWith, overAndOver, type Stage, testInEachShell } from "../testing/vm_files_stage.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

const ODD_NAMES = [
  "-",
  "--",
  "-rf",
  " ",
  "a b",
  "line\nline",
  "\nfirst",
  "last\n",
  "'",
  '"',
  "$(touch x)",
  "`touch x`",
  "${PATH}",
  "*",
  "?",
  "[a]",
  "..?*",
  ".[!.]*",
  "\\",
  "\\n",
  "é",
  "日本",
  "👩‍🚀",
  ".hidden",
  "...",
  "..x",
  "tab\there",
  "\x01\x7f",
  "%s",
  "x".repeat(255),
];

async function namesIn(stage: Stage, dir = stage.repo): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
}

testInEachShell("names may be whatever a file system can hold", async (stage, shell) => {
  const files = stage.files({ shell });
  for (const name of ODD_NAMES) {
    const { created, sizeBytes } = await files.write(name, bytes(name));
    assertEquals([created, sizeBytes], [true, bytes(name).length], name);
    assertEquals(text((await files.read(name)).data), name);
  }
  assertEquals(await namesIn(stage), ODD_NAMES.toSorted());
  const { entries } = await files.list("");
  assertEquals(entries.map(({ name }) => name).sort(), ODD_NAMES.toSorted());
  for (const { name, sizeBytes } of entries) assertEquals(sizeBytes, bytes(name).length, name);
  await files.write("-d/ /\n/f", bytes("deep"));
  assertEquals((await files.list("-d/ /\n")).entries.map(({ name }) => name), ["f"]);
});

testInEachShell(
  "list() goes through a directory page by page, whatever its names",
  async (stage, shell) => {
    const files = stage.files({ shell });
    for (const name of ODD_NAMES.slice(0, -8)) await stage.write(name, "");
    // No text, so that only bytes can say where to go on.
    await stage.run("sh", "-c", String.raw`for c in 200 201 377; do : >"$(printf "\\$c")"; done`);
    const { entries: all } = await files.list("");
    assertEquals(all.length, ODD_NAMES.length - 8 + 3);
    for (const limit of [1, 7]) {
      const names: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof files.list>> = await files.list("", {
          limit,
          cursor,
        });
        assert(page.entries.length <= limit);
        names.push(...page.entries.map(({ name }) => name));
        cursor = page.nextCursor;
      } while (cursor !== null);
      assertEquals(names, all.map(({ name }) => name));
    }
  },
);

testInEachShell(
  "list() gives at most its limit of a large directory, and all of it in the end",
  async (stage, shell) => {
    const files = stage.files({ shell });
    const wanted = Array.from({ length: 2_345 }, (_, i) => `file ${String(i).padStart(5, "0")}`);
    for (const name of wanted) Deno.writeTextFileSync(`${stage.repo}/${name}`, "");
    const first = await files.list("");
    const second = await files.list("", { cursor: first.nextCursor });
    // What is gone meanwhile is no reason to lose one's place.
    for (const name of ["file 01999", "file 02000"]) await Deno.remove(`${stage.repo}/${name}`);
    const third = await files.list("", { cursor: second.nextCursor });
    assertEquals([first, second, third].map(({ entries }) => entries.length), [1_000, 1_000, 344]);
    assertEquals(third.nextCursor, null);
    const names = [first, second, third].flatMap(({ entries }) => entries.map(({ name }) => name));
    assertEquals(names, wanted.filter((name) => name !== "file 02000"));
  },
);

testInEachShell("list() tells what each name stands for", async (stage, shell) => {
  const files = stage.files({ shell });
  assertEquals(await files.list(""), { entries: [], nextCursor: null });
  await Deno.mkdir(`${stage.repo}/dir`);
  await stage.write("file", "12345");
  await Deno.chmod(`${stage.repo}/file`, 0o751);
  await Deno.utime(`${stage.repo}/file`, 86_400, 86_400);
  await Deno.symlink("../outside/secret", `${stage.repo}/link`);
  await Deno.symlink("nowhere", `${stage.repo}/lost`);
  await stage.run("mkfifo", "pipe");
  const { entries } = await files.list("");
  assertEquals(
    entries.map(({ name, type }) => `${name} ${type}`),
    ["dir directory", "file file", "link link", "lost link", "pipe other"],
  );
  const file = entries.find(({ name }) => name === "file");
  assertEquals(
    [file?.sizeBytes, file?.mode, file?.modifiedAt],
    [5, 0o751, 86_400_000],
  );
  const link = await files.stat("link");
  assertEquals([link.type, link.target], ["link", "../outside/secret"]);
  assertEquals((await files.stat("lost")).target, "nowhere");
  assertEquals((await files.stat("")).type, "directory");
});

testInEachShell("read() gives parts of a file, however large it is", async (stage, shell) => {
  const files = stage.files({ shell });
  const all = crypto.getRandomValues(new Uint8Array(50_000));
  await Deno.writeFile(`${stage.repo}/binary`, all);
  assertEquals((await files.read("binary")).data, all);
  const parts: [offset: number, limit: number][] = [
    [0, 0],
    [1, 1],
    [49_999, 10],
    [50_000, 10],
    [60_000, 1],
    [7, 999],
  ];
  for (const [offset, limit] of parts) {
    const part = await files.read("binary", { offset, limit });
    assertEquals(part.data, all.slice(offset, offset + limit));
    assertEquals(part.sizeBytes, 50_000);
  }
  const end = 5 * 2 ** 30;
  using sparse = await Deno.open(`${stage.repo}/sparse`, { create: true, write: true });
  await sparse.seek(end, Deno.SeekMode.Start);
  await sparse.write(bytes("the end"));
  const { data, sizeBytes } = await files.read("sparse", { offset: end + 4 });
  assertEquals([text(data), sizeBytes], ["end", end + 7]);
  assertEquals((await files.read("sparse")).data.length, MAX_READ_BYTES);
  await failsWith("invalid_path", files.read("sparse", { limit: MAX_READ_BYTES + 1 }));
  await failsWith("invalid_path", files.read("sparse", { offset: 0.5 }));
  await failsWith("invalid_path", files.list("", { limit: 0 }));
  await failsWith("invalid_path", files.list("", { cursor: "!" }));
});

testInEachShell(
  "what cannot be read or written is refused with the reason",
  async (stage, shell) => {
    const files = stage.files({ shell });
    await Deno.mkdir(`${stage.repo}/dir`);
    await stage.write("file", "");
    await stage.run("mkfifo", "pipe");
    await Deno.symlink("loop", `${stage.repo}/loop`);
    await failsWith("not_found", files.read("none"));
    await failsWith("not_found", files.read("none/at/all"));
    await failsWith("not_found", files.list("none"));
    await failsWith("not_found", files.stat("none"));
    await failsWith("not_found", files.read("loop"));
    await failsWith("is_directory", files.read("dir"));
    await failsWith("is_directory", files.write("dir", bytes("x")));
    await failsWith("is_directory", files.write("dir", bytes("x"), { mode: "create" }));
    await failsWith("not_a_directory", files.list("file"));
    await failsWith("not_a_directory", files.read("file/x"));
    await failsWith("not_a_directory", files.write("file/x", bytes("x")));
    // They would hang whoever opens them.
    await failsWith("not_a_file", files.read("pipe"));
    await failsWith("not_a_file", files.write("pipe", bytes("x")));
    await failsWith("not_a_directory", files.list("pipe"));
    assertEquals(await namesIn(stage), ["dir", "file", "loop", "pipe"]);
  },
);

testInEachShell("what is not permitted is refused", async (stage, shell) => {
  await Deno.mkdir(`${stage.repo}/closed`);
  await Deno.mkdir(`${stage.repo}/fixed`);
  await stage.write("closed/file", "");
  await stage.write("fixed/file", "");
  await Deno.chmod(`${stage.repo}/fixed/file`, 0o000);
  await Deno.chmod(`${stage.repo}/fixed`, 0o555);
  await Deno.chmod(`${stage.repo}/closed`, 0o000);
  const files = stage.files({ shell, unprivileged: true });
  await failsWith("permission_denied", files.list("closed"));
  await failsWith("permission_denied", files.read("closed/file"));
  await failsWith("permission_denied", files.read("fixed/file"));
  await failsWith("permission_denied", files.write("fixed/new", bytes("x")));
  await failsWith("permission_denied", files.write("fixed/new/deep", bytes("x")));
  // So that it can be taken away.
  await Deno.chmod(`${stage.repo}/closed`, 0o755);
  await Deno.chmod(`${stage.repo}/fixed`, 0o755);
});

testInEachShell("write() replaces a file and keeps its permissions", async (stage, shell) => {
  const files = stage.files({ shell });
  await stage.write("script", "old");
  await Deno.chmod(`${stage.repo}/script`, 0o4755);
  const { created, mode } = await files.write("script", bytes("new"));
  assertEquals([created, mode], [false, 0o755]);
  await failsWith("already_exists", files.write("script", bytes("x"), { mode: "create" }));
  assertEquals(await Deno.readTextFile(`${stage.repo}/script`), "new");
  assertEquals((await files.write("empty", bytes(""))).sizeBytes, 0);
  assertEquals((await files.write("made", bytes("x"), { mode: "create" })).created, true);
  assertEquals((await files.write("a/b/c", bytes("x"))).mode, 0o644);
  const large = crypto.getRandomValues(new Uint8Array(60_000));
  const content = ReadableStream.from(Array.from({ length: 50 }, () => large));
  assertEquals((await files.write("large", content)).sizeBytes, 3_000_000);
  const stored = await Deno.readFile(`${stage.repo}/large`);
  assertEquals(stored.slice(-60_000), large);
  assertEquals(await namesIn(stage), ["a", "empty", "large", "made", "script"]);
});

testInEachShell("write() lets one of many make a file", async (stage, shell) => {
  const files = stage.files({ shell });
  const attempts = Array.from(
    { length: 10 },
    (_, i) => files.write("dir/file", bytes(`${i}`), { mode: "create" }),
  );
  const results = await Promise.allSettled(attempts);
  const made = results.findIndex(({ status }) => status === "fulfilled");
  assertEquals(await Deno.readTextFile(`${stage.repo}/dir/file`), `${made}`);
  assertEquals(await namesIn(stage, `${stage.repo}/dir`), ["file"]);
  for (const [i, attempt] of attempts.entries()) {
    if (i !== made) await failsWith("already_exists", attempt);
  }
});

testInEachShell(
  "write() leaves all as it was when its content breaks off",
  async (stage, shell) => {
    const files = stage.files({ shell });
    await stage.write("file", "old");
    const broken = async function* () {
      yield bytes("x".repeat(100_000));
      await Promise.resolve();
      throw new Error("The caller has gone");
    };
    const write = () => files.write("file", ReadableStream.from(broken()));
    await assertRejects(write, Error, "The caller has gone");
    const endless = ReadableStream.from(
      Array.from({ length: 60 }, () => new Uint8Array(MAX_WRITE_BYTES / 50)),
    );
    await failsWith("too_large", files.write("file", endless));
    assertEquals(await namesIn(stage), ["file"]);
    assertEquals(await Deno.readTextFile(`${stage.repo}/file`), "old");
  },
);

testInEachShell("write() leaves nothing behind when it is called off", async (stage, shell) => {
  const caller = new AbortController();
  const files = stage.files({ shell, signal: caller.signal });
  await stage.write("file", "old");
  const content = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      // No more than a pipe holds goes ahead of what is written.
      if ((await namesIn(stage)).length === 1) return controller.enqueue(new Uint8Array(100_000));
      caller.abort(new Error("called off"));
      await new Promise<void>(() => {});
    },
  });
  await assertRejects(() => files.write("file", content), Error, "called off");
  assertEquals(await namesIn(stage), ["file"]);
  assertEquals(await Deno.readTextFile(`${stage.repo}/file`), "old");
});

testInEachShell(
  "read() of a file that is being replaced gives all of one",
  async (stage, shell) => {
    const files = stage.files({ shell });
    const size = 300_000;
    await files.write("file", bytes("a".repeat(size)));
    await using _ = await overAndOver(
      `for (const char of "ab") {
      Deno.writeTextFileSync(a + ".new", char.repeat(${size})); Deno.renameSync(a + ".new", a); }`,
      { a: `${stage.repo}/file`, b: "" },
    );
    for (let i = 0; i < 20; i++) {
      const [{ data, sizeBytes }] = await Promise.all([
        files.read("file"),
        files.write("file", bytes("c".repeat(size))),
      ]);
      assertEquals(sizeBytes, size);
      assert(data.length === size && data.every((byte) => byte === data[0]));
    }
  },
);

testInEachShell("a VM without what is needed says what it lacks", async (stage, shell) => {
  // Busybox brings its own.
  if (shell[0]?.endsWith("busybox")) return;
  await Deno.mkdir(`${stage.top}/bin`);
  await Deno.symlink("/bin/cat", `${stage.top}/bin/readlink`);
  const files = stage.files({ shell, path: `${stage.top}/bin` });
  const { message } = await failsWith("unsupported", files.list(""));
  assertEquals(message, 'Cannot list "": the VM lacks what is needed (stat)');
});

Deno.test("a VM without a shell is told apart from one that is gone", async () => {
  const failing = (code: "command_not_found" | "not_found") =>
    createVmFiles(() => Promise.reject(new ProviderError(code, "Cannot run sh")), "/workspace");
  await failsWith("unsupported", failing("command_not_found").list(""));
  await assertRejects(() => failing("not_found").list(""), ProviderError);
});
