/** What git says of the files in a VM: every kind of change, and what is no repository. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { VmFiles } from "../../actors/adapters/vm/files.ts";
import { MAX_DIFF_BYTES, MAX_STATUS_BYTES } from "../../actors/adapters/vm/files_limits.ts";
import { readChanges } from "../../actors/adapters/vm/git_output.ts";
import { failsWith, type Stage, testInEachShell } from "../testing/vm_files_stage.ts";

const ODD = ["-n", "a b", "line\nline", "'\"", "é", "日本", "*", ":(top)x", " ", "tab\t"];

async function git(stage: Stage, ...args: string[]): Promise<string> {
  const who = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
  return await stage.run("git", ...who, ...args);
}

/** A repository with one commit of the given files. */
async function committed(stage: Stage, files: Record<string, string>): Promise<void> {
  await git(stage, "init", "-q", "-b", "main");
  for (const [name, text] of Object.entries(files)) await stage.write(name, text);
  await git(stage, "add", "-A");
  await git(stage, "commit", "-q", "--allow-empty", "-m", "First");
}

/** `M+1-2 name` for each. */
async function changesOf(files: VmFiles): Promise<string[]> {
  const { changes } = await files.changes();
  return changes.map(({ path, status, from, staged, additions, deletions }) =>
    `${status}${staged ? "!" : ""} +${additions} -${deletions} ${path}` +
    (from === null ? "" : ` < ${from}`)
  ).sort();
}

async function diffOf(files: VmFiles, path?: string): Promise<string> {
  const { patch, truncated } = await files.diff(path);
  assertEquals(truncated, false);
  return new TextDecoder().decode(patch);
}

const lines = (count: number, word = "line") =>
  Array.from({ length: count }, (_, i) => `${word} ${i}\n`).join("");

testInEachShell("changes() and diff() tell every kind of change", async (stage, shell) => {
  const files = stage.files({ shell });
  await committed(stage, {
    ".gitignore": "ignored\n",
    changed: lines(3),
    staged: lines(3),
    gone: "x\n",
    removed: "x\n",
    old: lines(20),
    binary: "\0\x01",
    same: "x\n",
    typed: "x\n",
    both: "x\n",
  });
  assertEquals(await changesOf(files), []);
  assertEquals(await diffOf(files), "");
  await stage.write("changed", lines(2) + "other\nmore\n");
  await stage.write("staged", lines(4));
  await stage.write("binary", "\0\x02");
  await stage.write("new", lines(2));
  await stage.write("ignored", "x");
  await stage.write("added", lines(5, "added"));
  await Deno.mkdir(`${stage.repo}/dir/deep`, { recursive: true });
  await stage.write("dir/deep/new", "deep\n");
  await git(stage, "mv", "old", "renamed");
  await stage.write("renamed", lines(21));
  await git(stage, "rm", "-q", "removed");
  await git(stage, "add", "staged", "added");
  await stage.write("both", "y\n");
  await git(stage, "add", "both");
  await stage.write("both", "y\nz\n");
  await Deno.remove(`${stage.repo}/gone`);
  await Deno.remove(`${stage.repo}/typed`);
  await Deno.symlink("/etc/passwd", `${stage.repo}/typed`);
  const before = await Deno.readFile(`${stage.repo}/.git/index`);
  assertEquals(await changesOf(files), [
    "added! +5 -0 added",
    "deleted +0 -1 gone",
    "deleted! +0 -1 removed",
    "modified +1 -1 typed",
    "modified +2 -1 changed",
    "modified +null -null binary",
    "modified! +1 -0 staged",
    "modified! +2 -1 both",
    "renamed! +1 -0 renamed < old",
    "untracked +null -null dir/deep/new",
    "untracked +null -null new",
  ]);
  const { branch, head, truncated } = await files.changes();
  assertEquals([branch, truncated], ["main", false]);
  assertEquals(head, (await git(stage, "rev-parse", "HEAD")).trim());

  const diff = await diffOf(files);
  for (
    const part of [
      "diff --git a/changed b/changed\n",
      "-line 2\n+other\n+more\n",
      "rename from old\nrename to renamed\n",
      "Binary files a/binary and b/binary differ\n",
      "--- /dev/null\n+++ b/new\n@@ -0,0 +1,2 @@\n+line 0\n+line 1\n",
      "+++ b/dir/deep/new\n@@ -0,0 +1 @@\n+deep\n",
      "--- a/gone\n+++ /dev/null\n",
      "+/etc/passwd\n\\ No newline at end of file\n",
    ]
  ) assertStringIncludes(diff, part);
  assert(!diff.includes("ignored") && !diff.includes("root:"), diff);
  assertMatch(await diffOf(files, "new"), /^diff --git a\/new b\/new\n/);
  assertMatch(await diffOf(files, "dir"), /^diff --git a\/dir\/deep\/new b\/dir\/deep\/new\n/);
  assertMatch(await diffOf(files, "gone"), /^diff --git a\/gone b\/gone\ndeleted/);
  assertEquals(await diffOf(files, "ignored"), "");
  assertEquals(await diffOf(files, "nowhere"), "");
  assertEquals(await Deno.readFile(`${stage.repo}/.git/index`), before);
});

testInEachShell("changes() and diff() take names as they are", async (stage, shell) => {
  const files = stage.files({ shell });
  await committed(stage, Object.fromEntries(ODD.slice(0, 5).map((name) => [name, "x\n"])));
  for (const name of ODD) await stage.write(name, "y\n");
  await git(stage, "add", "-A", "--intent-to-add");
  const { changes } = await files.changes();
  assertEquals(changes.map(({ path }) => path).sort(), ODD.toSorted());
  assert(changes.every(({ additions }) => additions === 1), Deno.inspect(changes));
  for (const name of ODD) {
    const diff = await diffOf(files, name);
    assertEquals(diff.match(/^diff --git/gm)?.length, 1, `${name}: ${diff}`);
    assertStringIncludes(diff, "+y\n");
  }
});

testInEachShell("changes() and diff() work before the first commit", async (stage, shell) => {
  const files = stage.files({ shell });
  await git(stage, "init", "-q", "-b", "main");
  assertEquals(await files.changes(), {
    branch: "main",
    head: null,
    changes: [],
    truncated: false,
  });
  await stage.write("new", "x\n");
  await stage.write("added", "x\n");
  await git(stage, "add", "added");
  assertEquals(await changesOf(files), ["added! +1 -0 added", "untracked +null -null new"]);
  assertEquals((await diffOf(files)).match(/^\+x$/gm)?.length, 2);
});

testInEachShell("diff() sees a change in the second of the commit", async (stage, shell) => {
  const files = stage.files({ shell });
  const at = 1_700_000_000;
  await git(stage, "init", "-q", "-b", "main");
  await git(stage, "config", "core.trustctime", "false");
  await stage.write("file", "x\n");
  await Deno.utime(`${stage.repo}/file`, at, at);
  await committed(stage, {});
  await stage.write("file", "y\n");
  for (const name of ["file", ".git/index"]) await Deno.utime(`${stage.repo}/${name}`, at, at);
  assertStringIncludes(await diffOf(files), "-x\n+y\n");
  assertEquals(await changesOf(files), ["modified +1 -1 file"]);
});

testInEachShell("changes() tells what is unmerged", async (stage, shell) => {
  const files = stage.files({ shell });
  await committed(stage, { "in both": "x\n" });
  await git(stage, "checkout", "-q", "-b", "other");
  await stage.write("in both", "theirs\n");
  await git(stage, "commit", "-q", "-am", "Theirs");
  await git(stage, "checkout", "-q", "main");
  await stage.write("in both", "ours\n");
  await git(stage, "commit", "-q", "-am", "Ours");
  await git(stage, "merge", "-q", "other").then(
    () => assert(false, "There is no conflict"),
    (error) => assertStringIncludes(String(error), "Cannot run git"),
  );
  const { changes } = await files.changes();
  assertEquals(changes.map(({ path, status }) => [path, status]), [["in both", "unmerged"]]);
  assertStringIncludes(await diffOf(files), "+<<<<<<< HEAD\n");
});

testInEachShell("diff() is cut at its bound, after a whole line", async (stage, shell) => {
  const files = stage.files({ shell });
  await committed(stage, {});
  await stage.write("large", "0123456\n".repeat(MAX_DIFF_BYTES / 8));
  const { patch, truncated } = await files.diff();
  assert(truncated && patch.length <= MAX_DIFF_BYTES && patch.length > MAX_DIFF_BYTES - 10);
  assertEquals(new TextDecoder().decode(patch.slice(-9)), "+0123456\n");
});

testInEachShell("changes() is cut at its bound, after a whole entry", async (stage, shell) => {
  const files = stage.files({ shell });
  await committed(stage, { tracked: "x\n" });
  await stage.write("tracked", "y\n");
  const tail = "x".repeat(240);
  const count = Math.ceil(MAX_STATUS_BYTES / 240);
  for (let i = 0; i < count; i++) Deno.writeTextFileSync(`${stage.repo}/u${i}${tail}`, "");
  const { changes, truncated } = await files.changes();
  assert(truncated && changes.length > count * 0.9 && changes.length < count);
  assert(changes.every(({ path }) => path === "tracked" || path.endsWith(tail)));
  assertEquals(changes.find(({ path }) => path === "tracked")?.additions, 1);
});

testInEachShell("nothing of the repository's own is run", async (stage, shell) => {
  const files = stage.files({ shell });
  await committed(stage, { "a.txt": "x\n", ".gitattributes": "*.txt diff=trap\n" });
  const trap = `${stage.top}/trap`;
  await Deno.writeTextFile(trap, `#!/bin/sh\necho run >>"${stage.top}/sprung"\n`, { mode: 0o755 });
  for (
    const name of ["core.fsmonitor", "diff.external", "diff.trap.command", "diff.trap.textconv"]
  ) await git(stage, "config", name, `"${trap}"`);
  await git(stage, "config", "core.hooksPath", `${stage.top}/hooks`);
  await Deno.mkdir(`${stage.top}/hooks`);
  await Deno.copyFile(trap, `${stage.top}/hooks/post-index-change`);
  await stage.write("a.txt", "y\n");
  await stage.write("b.txt", "y\n");
  assertEquals((await files.changes()).changes.length, 2);
  assertStringIncludes(await diffOf(files), "-x\n+y\n");
  const names = (await Array.fromAsync(Deno.readDir(stage.top))).map(({ name }) => name);
  assert(!names.includes("sprung"), "A program of the repository was run");
});

testInEachShell("a linked work tree is a repository, too", async (stage, shell) => {
  const main = `${stage.top}/main`;
  await new Deno.Command("git", { args: ["init", "-q", "-b", "main", main] }).output();
  await git(stage, "-C", main, "commit", "-q", "--allow-empty", "-m", "First");
  await git(stage, "-C", main, "worktree", "add", "-q", "-b", "task", stage.repo);
  await stage.write("new", "x\n");
  const files = stage.files({ shell });
  const { branch, changes } = await files.changes();
  assertEquals([branch, changes.map(({ path }) => path)], ["task", ["new"]]);
  assertStringIncludes(await diffOf(files), "+x\n");
});

testInEachShell(
  "what is no repository is refused, whatever lies around it",
  async (stage, shell) => {
    const files = stage.files({ shell });
    await failsWith("no_repository", files.changes());
    await failsWith("no_repository", files.diff("x"));
    await new Deno.Command("git", { args: ["init", "-q", stage.top] }).output();
    await failsWith("no_repository", files.changes());
    await git(stage, "init", "-q", "--bare");
    await failsWith("no_repository", files.changes());
  },
);

testInEachShell(
  "a repository that git cannot read is told in git's words",
  async (stage, shell) => {
    const files = stage.files({ shell });
    await stage.write(".git", "gitdir: ../nowhere\n");
    const { message } = await failsWith("failed", files.changes());
    assertMatch(message, /^Cannot list changes: sh exited with 1 \(fatal: not a git repository: /);
    await Deno.remove(`${stage.repo}/.git`);
    await committed(stage, { a: "x\n" });
    await stage.write(".git/index", "no index");
    assertMatch((await failsWith("failed", files.changes())).message, /index/);
    assertMatch((await failsWith("failed", files.diff())).message, /index/);
  },
);

testInEachShell("a repository of somebody else is read all the same", async (stage, shell) => {
  await committed(stage, { a: "x\n" });
  await stage.write("a", "y\n");
  const files = stage.files({ shell, unprivileged: true });
  assertEquals(await changesOf(files), ["modified +1 -1 a"]);
  assertStringIncludes(await diffOf(files), "-x\n+y\n");
});

testInEachShell("a VM without git says so", async (stage, shell) => {
  await committed(stage, { a: "x\n" });
  await Deno.mkdir(`${stage.top}/bin`);
  for (const tool of ["readlink", "stat", "head"]) {
    await Deno.symlink(`/usr/bin/${tool}`, `${stage.top}/bin/${tool}`);
  }
  const files = stage.files({ shell, path: `${stage.top}/bin` });
  const { message } = await failsWith("no_git", files.changes());
  assertEquals(message, "Cannot list changes: the VM has no git");
  await failsWith("no_git", files.diff("a"));
});

Deno.test("readChanges() leaves out an entry that is cut off", () => {
  const status = new TextEncoder().encode("? whole\0? cut of");
  const { changes, truncated } = readChanges(status, new Uint8Array(), true);
  assertEquals([changes.map(({ path }) => path), truncated], [["whole"], true]);
});
